"""From a journal's contents to a report."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from cotune import __version__
from cotune.effects import Effect, effects
from cotune.journal.log import LogEntry
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.lines import curve, dataset_lines, share_lines, trial_line
from cotune.reporting.logged import final_scores, stop_rule
from cotune.reporting.report import Cost, Report, Share
from cotune.reporting.scores import composites
from cotune.trial import Record, Trial
from cotune.verdict import Verdict, judge
from cotune.wording import title, unit

HIGH_SHARE = 0.8
"""A dataset with more of a mixture's tokens than this all but trains alone."""


def build_report(
    problem: Problem,
    records: Sequence[Record],
    log: Sequence[LogEntry] = (),
    *,
    name: str = "study",
    settings: Mapping[str, object] | None = None,
    similarity: Mapping[str, float] | None = None,
    verdict: Verdict | None = None,
) -> Report:
    """Gives the report on the records and the log of one group of a journal.

    Args:
        problem: what was searched.
        records: the journal's records.
        log: its log, of which the kinds `round`, `stopped` and `test` are read (see `cotune.reporting.logged`).
        name: the study's name, the heading of the report.
        settings: what makes the scores comparable, as the evaluation tells it, for the appendix.
        similarity: of each dataset with the targets, to point out helpful datasets that do not look it.
        verdict: the verdict, if it was made already.
    """
    judged = verdict or judge(problem, records)
    trials = [record.trial for record in records if record.trial]
    found = tuple(effects(problem, trials))
    shares = tuple(share_lines(problem, trials, [standing.mixture for standing in judged.standings]))
    return Report(
        name=name,
        targets=dict(problem.weights),
        unit=unit(problem),
        combinations=problem.count(),
        verdict=judged,
        winner=_title(problem, judged.winner),
        recommended=_title(problem, judged.recommended),
        trials=tuple(trial_line(problem, record) for record in records),
        effects=found,
        surprises=tuple(_surprises(found, similarity or {})),
        curve=tuple(curve(problem, records)),
        shares=shares,
        test=final_scores(log),
        composites=composites(problem, trials, judged),
        datasets=tuple(dataset_lines(problem, similarity or {})),
        cost=_cost(trials, log),
        stopped=stop_rule(log),
        warnings=(*judged.warnings, *_heavy(shares), *_failures(trials)),
        settings=dict(_flat(settings or {})),
        versions={"cotune": __version__},
    )


def _title(problem: Problem, mixture: Mixture | None) -> str:
    return "" if mixture is None else title(problem, mixture)


def _surprises(found: Sequence[Effect], similarity: Mapping[str, float]) -> Iterable[str]:
    """Yields the datasets that help although they look less like the targets than most."""
    middle = median(similarity.values()) if similarity else 0.0
    for effect in found:
        if effect.label == "helps" and similarity.get(effect.name, middle) < middle:
            yield f"{effect.name} helps, though it looks less like the targets than most of the pool."


def _cost(trials: Sequence[Trial], log: Sequence[LogEntry]) -> Cost:
    trained = [trial for trial in trials if len(trial.request.mixture)]
    return Cost(
        rounds=sum(entry.kind == "round" for entry in log),
        fine_tunings=len(trained),
        failed=sum(not trial.is_finished for trial in trained),
        tokens=sum(trial.tokens for trial in trained),
        seconds=sum(trial.seconds for trial in trials),
    )


def _heavy(shares: Sequence[Share]) -> Iterable[str]:
    mixtures = [share.mixture for share in shares]
    for share in shares:
        if share.share > HIGH_SHARE and mixtures.count(share.mixture) > 1:
            yield f"{share.dataset} got {share.share:.0%} of the training tokens of {share.mixture}."


def _failures(trials: Sequence[Trial]) -> Iterable[str]:
    failed = sum(not trial.is_finished for trial in trials)
    if failed:
        yield f"{failed} of {len(trials)} runs failed; see the errors in the list of trials."


def _flat(settings: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
