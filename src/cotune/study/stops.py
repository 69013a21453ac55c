"""The rules that end a search, each a pure function of the records or of a round's proposals."""

from collections.abc import Sequence

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.study.events import Stopped
from cotune.study.phases import ATTEMPTS, kept_back, spent
from cotune.study.plan import Plan
from cotune.trial import Proposal, Record

HOPELESS = 3
"""If so many requests failed for good and none succeeded, the fault lies with the set-up, not with the requests."""


def all_failed(records: Sequence[Record], *, patient: bool) -> Stopped | None:
    """Fires when no fine-tuning finished and `HOPELESS` failed for good (any failed at all, if not `patient`)."""
    trials = [record.trial for record in records if record.trial is not None and len(record.request.mixture)]
    if not trials or any(trial.is_finished for trial in trials):
        return None
    if patient and sum(record.attempts >= ATTEMPTS for record in records) < HOPELESS:
        return None
    return Stopped(
        "failures",
        f"every trial failed: first error: {trials[0].error}. Remove its cause and start afresh: "
        "delete the study's folder, or name another (name=NAME, --runs DIR)",
    )


def without_base(problem: Problem, records: Sequence[Record], plan: Plan) -> Stopped | None:
    """Fires when the base model failed although its scores are to be kept.

    Raises:
        ValueError: it was not and will not be scored.
    """
    trials = [record.trial for record in records if record.request.mixture == BASE]
    if not problem.keep or any(trial is None or trial.is_finished for trial in trials):
        return None
    if not trials and plan.base:
        return None
    if not trials:
        raise ValueError(
            f"keep compares {list(problem.keep)} with the untrained base model, which base=False leaves unscored; "
            "leave base out."
        )
    return Stopped(
        "failures",
        f"the base model, whose scores on {list(problem.keep)} are to be kept, could not be scored: "
        f"{trials[0].error if trials[0] else ''}. Remove its cause, or leave keep out, and start afresh: "
        "delete the study's folder, or name another (name=NAME, --runs DIR)",
    )


def out_of_trials(problem: Problem, records: Sequence[Record], plan: Plan) -> Stopped | None:
    """Fires when only what is kept back for the confirmation is left of the fine-tunings."""
    if spent(records) < plan.trials - kept_back(problem, records, plan):
        return None
    return used_up(plan)


def left_over(ended: Stopped, left: int) -> Stopped:
    """Gives the end of a study whose search ended so, with what `left` fine-tunings were not needed for."""
    if ended.rule != "trials" or left < 1:
        return ended
    return Stopped(
        "trials", f"the search has used its part; of what was kept for the confirmation {left} fine-tunings are left"
    )


def used_up(plan: Plan) -> Stopped:
    """Gives the stop for a study that has nothing left to pay with."""
    return Stopped("trials", f"the study's {plan.trials} fine-tunings are used")


def out_of_patience(problem: Problem, records: Sequence[Record], plan: Plan) -> Stopped | None:
    """Fires when the last `patience` fine-tunings of the search gave no better value than was known before."""
    if plan.patience is None:
        return None
    best, idle = float("-inf"), 0
    kept = _kept(problem, records)
    for record in records:
        if not is_comparable(record):
            continue
        value = measured(problem, record) if record.request.mixture in kept else None
        is_search = not record.proposal.reason.startswith("anchor")
        idle = 0 if value is not None and value > best else idle + is_search
        best = best if value is None else max(best, value)
    if idle < plan.patience:
        return None
    last = f"in the last {idle} fine-tunings of the search"
    if best == float("-inf"):
        return Stopped("patience", f"no value that counts {last}: each failed or lost what is to be kept")
    return Stopped("patience", f"no better value than {best:.4g} {last}")


def _kept(problem: Problem, records: Sequence[Record]) -> set[Mixture]:
    """Gives the mixtures that count: all, or those that keep what is to be kept."""
    if not problem.keep:
        return {record.request.mixture for record in records}
    from cotune.verdict.floors import floors, holding  # with SciPy, late for the sake of studies that need none

    trials = [record.trial for record in records if record.trial is not None]
    return holding(problem, trials, floors(problem, trials))


def no_improvement(proposals: Sequence[Proposal], plan: Plan) -> Stopped | None:
    """Fires when a round's best expected improvement is below `min_improvement`; never where nothing predicts."""
    expected = [proposal.improvement for proposal in proposals if proposal.improvement is not None]
    if plan.min_improvement is None or not expected or max(expected) >= plan.min_improvement:
        return None
    return Stopped(
        "improvement", f"the best expected improvement is {max(expected):.3g}, below {plan.min_improvement:.3g}"
    )


def within_noise(
    problem: Problem, records: Sequence[Record], proposals: Sequence[Proposal], plan: Plan
) -> Stopped | None:
    """Fires when it is below `min_improvement_noise` times the noise between seeds; never while nothing was repeated.

    As the terminator of Makarova et al. (2022), Automatic Termination for Hyperparameter Optimization: what
    is still to be gained need not be chased below the noise of the score itself. They bound the regret of a Gaussian
    process, we take the expected improvement of what would run next. Scores that are equal between seeds never fire.
    """
    expected = [proposal.improvement for proposal in proposals if proposal.improvement is not None]
    if plan.min_improvement_noise is None or not expected:
        return None
    from cotune.verdict.noise import by_mixture, scored, seed_noise  # its package brings SciPy, so late

    trials = [record.trial for record in records if record.trial is not None]
    noise = seed_noise(problem, by_mixture(scored(problem, trials)))
    if noise.sd is None or max(expected) >= plan.min_improvement_noise * noise.sd:
        return None
    return Stopped(
        "improvement",
        f"the best expected improvement is {max(expected):.3g}, below {plan.min_improvement_noise:g} of the noise "
        f"between seeds ({noise.sd:.3g}, from {noise.freedom} {'repeat' if noise.freedom == 1 else 'repeats'})",
    )


def measured(problem: Problem, record: Record) -> float | None:
    """Gives the objective that a record measured, None if it did not finish."""
    trial = record.trial
    if trial is None or not trial.is_finished:
        return None
    has_targets = all(name in trial.results and trial.results[name].score is not None for name in problem.targets)
    return problem.value(trial) if has_targets else None


def is_comparable(record: Record) -> bool:
    """Tells whether a record is a full fine-tuning of anchors or search that ended: no confirmation."""
    trained = record.trial is not None and bool(len(record.request.mixture)) and record.request.fidelity == 1
    return trained and not record.proposal.reason.startswith("confirm")
