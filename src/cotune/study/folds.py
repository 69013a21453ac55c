"""Cross-validation: how a mixture's scores differ between folds of the targets' rows."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, variance

from cotune.mixture import Mixture
from cotune.problem import Problem, check_names
from cotune.study.outcomes import EvaluateError, outcomes
from cotune.task import Task
from cotune.tasks import drop_leaks, find_leaks, k_folds
from cotune.trial import Evaluate, Request


@dataclass(frozen=True)
class FoldScores:
    """The scores of one task on its folds, in order.

    The folds share most of their train rows, so their variance divided by their number underestimates the variance of
    the mean, and no estimator from the folds alone is without bias (Bengio and Grandvalet, 2004, "No Unbiased Estimator
    of the Variance of K-Fold Cross-Validation", theorem 1). Read it as a description, not as an interval.

    >>> FoldScores((0.5, 0.7)).mean
    0.6
    """

    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the folds' scores."""
        return fmean(self.scores)

    @property
    def variance(self) -> float:
        """Variance between the folds' scores, with k - 1 degrees of freedom."""
        return variance(self.scores)


def cross_validate(
    problem: Problem, mixture: Mixture, make: Callable[[tuple[Task, ...]], Evaluate], *, k: int = 5, seed: int = 0
) -> dict[str, FoldScores]:
    """Gives each target's scores on `k` folds of its train and dev rows; it costs k fine-tunings on `mixture`.

    All targets are parted together: in run i the dev rows of each are its fold i (see `cotune.tasks.k_folds`), and
    train rows of the whole pool that stand in a fold's dev rows are left out. Test rows stay untouched. Nothing is
    recorded in a journal.

    Args:
        problem: The pool, with rows, and its targets.
        mixture: What is trained on in each run.
        make: Makes the evaluation of a fold from its tasks, as `lambda tasks: FineTune("embedded", tasks, ...)`.
        k: How many folds.
        seed: Of the folds and of the fine-tunings.

    Raises:
        ValueError: an unknown name; k is below 2 or above the number of a target's groups of rows; a dataset of which
            all train rows stand in the dev rows.
        EvaluateError: a run failed.
    """
    check_names(mixture.names, problem.names)
    folded = {task.name: k_folds(task, k, seed) for task in problem.tasks if task.name in problem.targets}
    runs = []
    for fold in range(k):
        tasks = [folded[task.name][fold] if task.name in folded else task for task in problem.tasks]
        clean = drop_leaks(tasks, find_leaks(tasks))
        runs.append(_scores(problem, make(clean), Request(mixture, seed), f"fold {fold + 1} of {k}"))
    return {name: FoldScores(tuple(run[name] for run in runs)) for name in problem.targets}


def _scores(problem: Problem, evaluate: Evaluate, request: Request, where: str) -> dict[str, float]:
    (trial,) = outcomes(problem, evaluate, [request], is_stopped=lambda: False)
    if trial.error is not None:
        raise EvaluateError(f"Training on {request.mixture} failed in {where}: {trial.error}. Remove the cause first.")
    return {name: result.score for name, result in trial.results.items() if result.score is not None}
