"""BoTorch's Gaussian process for categorical inputs, with its own log expected improvement over all mixtures."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.utils.warnings import NumericalWarning

from benchmarks.peers.asking import random_start
from benchmarks.peers.surrogate import untried
from cotune.problem import Problem
from cotune.search.candidates import to_mixture
from cotune.search.history import mean_values
from cotune.trial import Proposal, Request, Trial

FIRST = 6
"""Random trials before the model is used; BoTorch has no default, on landscapes 6 did no worse than 4."""
STEPS = 75
"""Of the fit, in place of thousands on which the reaches of datasets that do not matter drift to infinity."""
DRAWS = 256


def botorch_gp(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Proposes the untried mixtures of most expected improvement.

    `MixedSingleTaskGP` with every free dataset categorical: a Hamming kernel with a reach for each, fitted by marginal
    likelihood. `LogExpectedImprovement` (Ament et al. 2023, Unexpected Improvements to Expected
    Improvement) is evaluated on all untried mixtures; for batches and pending runs `qLogExpectedImprovement`, one
    mixture after another. Nothing is asked for twice.
    """
    start = random_start(FIRST, problem, finished, pending, rng, count)
    if start is not None:
        return start
    values = mean_values(problem, finished)
    choices = untried(problem, finished, pending, rng)  # [mixture, task]
    if not len(choices):
        return []
    torch.manual_seed(int(rng.integers(2**31)))
    free = [problem.names.index(name) for name in problem.free]
    x, y = problem.encode(values)[:, free], np.array(list(values.values()))
    acquisition = _acquisition(x, y, problem.encode(request.mixture for request in pending)[:, free], count)
    taken = min(count, len(choices))
    found, _ = optimize_acqf_discrete(acquisition, taken, torch.tensor(choices[:, free], dtype=torch.double))
    rows = np.ones((taken, len(problem.names)), dtype=np.int64)  # [mixture, task], what must be in is 1
    rows[:, free] = found.numpy().round()
    return [Proposal(Request(to_mixture(problem, row)), "suggested") for row in rows]


def _acquisition(x: np.ndarray, y: np.ndarray, pending: np.ndarray, count: int) -> AcquisitionFunction:
    train_x, train_y = torch.tensor(x, dtype=torch.double), torch.tensor(y, dtype=torch.double)[:, None]
    model = MixedSingleTaskGP(train_x, train_y, cat_dims=list(range(x.shape[1])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)  # flat scores
        likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
        fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": STEPS}})
    best = float(y.max())
    if count == 1 and not len(pending):
        return LogExpectedImprovement(model, best_f=best)
    running = torch.tensor(pending, dtype=torch.double) if len(pending) else None
    sampler = SobolQMCNormalSampler(torch.Size([DRAWS]), seed=0)
    return qLogExpectedImprovement(model, best_f=best, sampler=sampler, X_pending=running)
