"""What `cotune weights` trains: the study of a combination's weightings, and which these are."""

from collections.abc import Sequence
from dataclasses import replace

from cotune.cli.opening import Opened
from cotune.config import StudyConfig
from cotune.mixture import Mixture
from cotune.problem import check_names
from cotune.search.weightings import simplex, sweep
from cotune.training import Balance, Mixing
from cotune.training.balance.choice import EQUAL

STEP = 0.1
SUFFIX = "-weights"
"""Ends the name of the study folder of weightings, beside the one of the search."""


def parse_names(text: str) -> list[str]:
    """Reads datasets as a,b,c.

    Raises:
        ValueError: one is named twice, or there are fewer than two.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) < max(len(names), 2):
        raise ValueError(f"--datasets takes two or more different datasets, as a,b,c; got {text!r}.")
    return names


def weighing(opened: Opened, names: Sequence[str]) -> Opened:
    """Gives the study in which the parts of a mixture of `names` are weights of losses, in a folder of its own.

    Its pool are these datasets and the targets; what counts is the mean over the targets.

    Raises:
        ValueError: a name is unknown, or the study weighs losses in another way.
    """
    config = opened.config
    check_names(names, [entry.name for entry in config.datasets], "--datasets")
    _check_free(config)
    kept = {*names, *config.targets}
    train, scoring = config.train, config.scoring
    overrides = {name: own for name, own in train.overrides.items() if name in kept}
    measured = tuple(name for name in scoring.metric_for if name in kept)
    own = {
        "name": config.name.removesuffix(SUFFIX) + SUFFIX,
        "datasets": tuple(entry for entry in config.datasets if entry.name in kept),
        "train": replace(train, parts_of="losses", overrides=overrides, balancer=Balance()),
        "scoring": replace(scoring, metric_for=measured),
        "search": config.search.model_copy(update={"balancers": ()}),
    }
    space = {"required": tuple(names), "levels": 1, "objective": "mean", "keep": {}}
    folder = opened.folder.with_name(opened.folder.name.removesuffix(SUFFIX) + SUFFIX)
    return replace(opened, config=config.model_copy(update={**own, **space}), folder=folder)


def _check_free(config: StudyConfig) -> None:
    """Refuses what would weigh losses beside the weights that are tried."""
    others = {
        "an evaluation of your own (evaluate)": config.evaluate is not None,
        f"balancer {config.train.balancer.name!r}": config.train.balancer.name != EQUAL,
        f"mixing {config.train.mixing.name!r}": config.train.mixing != Mixing(),
        "train.weights": bool(config.train.weights),
        "weights in train.overrides": any(own.weight != 1 for own in config.train.overrides.values()),
    }
    other = next((name for name, is_on in others.items() if is_on), None)
    if other:
        raise ValueError(
            f"cotune weights sets the factors on losses itself, for the whole training; {other} would weigh them too. "
            "Leave it out of the study, or override it."
        )


def asked_for(names: Sequence[str], *, step: float | None, priority: str | None) -> list[Mixture]:
    """Gives the weightings to train, equal weights first: those of a grid, or of a sweep of one dataset's factor.

    Raises:
        ValueError: both are asked for, the priority is none of the datasets, or the step is none for them.
    """
    if priority is None:
        found = simplex(names, STEP if step is None else step)
        return list(dict.fromkeys([Mixture.of(names), *found]))
    if step is not None:
        raise ValueError(
            "--step is that of a grid of weights; a sweep with --priority has none. Leave one of them out."
        )
    check_names([priority], names, "--priority")
    return sweep(names, priority)
