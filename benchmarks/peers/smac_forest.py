"""SMAC's random forest, asked and told through its own facade."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from smac import HyperparameterOptimizationFacade, Scenario
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.model.random_forest import RandomForest
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.peers.asking import flags, from_flags, propose, random_start
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search import Sampler
from cotune.search.history import mean_values
from cotune.trial import Proposal, Request, Trial

FIRST = 0.25
"""Share of the budget that SMAC gives to its initial design."""
SAMPLED = 1000
"""Random configurations that the forest is asked about before the local search; there are hardly more of them."""


def smac_forest(budget: int) -> Sampler:
    """Gives a sampler that proposes what SMAC suggests: a random forest and log expected improvement.

    Lindauer et al. (2022), SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter Optimization. The facade
    for hyperparameters with its defaults but for `SAMPLED`, made anew for each proposal, so that the forest is grown
    anew after every run and not every eight. The first quarter of the budget is drawn at random, where SMAC takes a
    Sobol design. SMAC suggests no configuration twice. It repeats to the digit only where PYTHONHASHSEED is set, since
    its run history is kept in sets.
    """

    def forest(
        problem: Problem,
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,
        count: int,
    ) -> list[Proposal]:
        start = random_start(max(2, int(FIRST * budget)), problem, finished, pending, rng, count)
        if start is not None:
            return start
        with TemporaryDirectory() as folder:
            asked = _ask(problem, finished, pending, int(rng.integers(2**31)), Path(folder))
            return propose(asked, problem, finished, pending, rng, count)

    return forest


def _ask(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], seed: int, folder: Path
) -> Iterator[Mixture]:
    logging.getLogger("smac").setLevel(logging.ERROR)
    space = ConfigurationSpace({name: [False, True] for name in problem.free})
    scenario = Scenario(space, deterministic=True, n_trials=10**6, seed=seed, output_directory=folder)
    values = mean_values(problem, finished)
    known = {mixture: Configuration(space, flags(problem, mixture)) for mixture in values}
    design = HyperparameterOptimizationFacade.get_initial_design(
        scenario, n_configs=0, additional_configs=list(known.values())
    )
    smac = HyperparameterOptimizationFacade(
        scenario,
        _never,
        model=_forest(space, seed),
        initial_design=design,
        acquisition_maximizer=HyperparameterOptimizationFacade.get_acquisition_maximizer(scenario, challengers=SAMPLED),
        logging_level=False,
        overwrite=True,
    )
    for mixture, value in values.items():
        smac.tell(TrialInfo(known[mixture], seed=0), TrialValue(cost=-value), save=False)
    for request in pending:
        smac.runhistory.add_running_trial(TrialInfo(Configuration(space, flags(problem, request.mixture)), seed=0))
    with suppress(ConfigurationSpaceExhaustedException):
        while True:
            yield from_flags(problem, dict(smac.ask().config))


def _forest(space: ConfigurationSpace, seed: int) -> RandomForest:
    """Gives the facade's forest, without the room for a million leaves that takes it a second to clear."""
    return RandomForest(
        space,
        log_y=True,
        n_trees=10,
        ratio_features=1.0,
        min_samples_split=2,
        min_samples_leaf=1,
        max_leaf_nodes=1000,
        n_jobs=1,
        seed=seed,
    )


def _never(config: Configuration, seed: int = 0) -> float:  # noqa: ARG001 - SMAC looks at the names
    raise RuntimeError("SMAC is asked and told, it runs nothing itself")
