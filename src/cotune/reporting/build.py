"""From a journal's contents to a report."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import median

from cotune import __version__
from cotune.journal import LogEntry
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.balance import balanced
from cotune.reporting.balance_mixed import mixed
from cotune.reporting.calibration import calibration
from cotune.reporting.lines import curve, dataset_lines, share_lines, trial_line
from cotune.reporting.logged import final_leads, final_scores, standing_alarms, stop_rule, versions
from cotune.reporting.privacy import PRIVATE, UNHIDDEN
from cotune.reporting.report import Cost, FinalLead, FinalScore, Report, Share
from cotune.reporting.scores import composites
from cotune.study.phases import went_on
from cotune.trial import Record, Trial
from cotune.verdict import Verdict, contest, judge
from cotune.verdict.effects import Effect, effects, part_effects
from cotune.verdict.paired import Estimate
from cotune.verdict.wording import Finding, compared, title, unit

HIGH_SHARE = 0.8
"""A dataset with more of a mixture's tokens than this all but trains alone."""


def build_report(
    problem: Problem,
    records: Sequence[Record],
    log: Sequence[LogEntry] = (),
    *,
    name: str = "study",
    model: str = "",
    settings: Mapping[str, object] | None = None,
    similarity: Mapping[str, float] | None = None,
    verdict: Verdict | None = None,
    balancer: str = "",
    others: Mapping[str, Sequence[Record]] | None = None,
) -> Report:
    """Gives the report on the records of one group of a journal.

    Args:
        problem: what was searched.
        records: what was proposed, with the trials that ended.
        log: the journal's log, of kinds `run`, `round`, `alarms`, `stopped` and `test` (see `cotune.reporting.logged`).
        name: the study's name, the heading of the report.
        model: the name of the language model that was fine-tuned, if one was.
        settings: what makes the scores comparable, as the evaluation tells it, for the appendix.
        similarity: of each dataset with the targets, to point out helpful datasets that do not look it.
        verdict: if it was made already.
        balancer: under which the study searched.
        others: records of the winner under other balancers, by these.
    """
    judged = verdict or judge(problem, records)
    rivals = others or {}
    trials = _trials(records)
    found = effects(problem, trials)
    lines = tuple(trial_line(problem, record, judged.winner, judged.front) for record in records)
    test, leads = final_scores(log), final_leads(log)
    shares = tuple(share_lines(problem, trials, [standing.mixture for standing in judged.standings]))
    return Report(
        name=name,
        model=model,
        targets=dict(problem.weights),
        unit=unit(problem),
        combinations=problem.count(),
        verdict=judged,
        winner=_title(problem, judged.winner),
        recommended=_title(problem, judged.recommended),
        trials=lines,
        effects=tuple(found),
        part_effects=tuple(part_effects(problem, trials)),
        surprises=tuple(_surprises(found, similarity or {})),
        curve=tuple(curve(problem, records)),
        calibration=calibration(lines),
        shares=shares,
        test=test,
        test_leads=leads,
        test_sentence=_test_sentence(problem, test, leads),
        composites=composites(problem, trials, judged),
        balanced=balanced(problem, trials, judged, {name: _trials(theirs) for name, theirs in rivals.items()}),
        mixed=mixed(problem, trials, judged),
        contest=contest(problem, records, rivals, own=balancer, verdict=judged),
        datasets=tuple(dataset_lines(problem, similarity or {})),
        cost=_cost([*records, *chain.from_iterable(rivals.values())], log),
        stopped=stop_rule(log),
        warnings=(
            *judged.warnings,
            *standing_alarms(log),
            *_heavy(shares),
            *_bare(balancer, judged),
            *_failures(trials),
        ),
        settings=dict(_flat(settings or {})),
        versions={"cotune": __version__, **versions(log)},
    )


def _trials(records: Sequence[Record]) -> list[Trial]:
    return [record.trial for record in records if record.trial]


def _title(problem: Problem, mixture: Mixture | None) -> str:
    return "" if mixture is None else title(problem, mixture)


def _surprises(found: Sequence[Effect], similarity: Mapping[str, float]) -> Iterable[str]:
    """Yields the datasets that help although they look less like the targets than most."""
    middle = median(similarity.values()) if similarity else 0.0
    for effect in found:
        if effect.label == "helps" and similarity.get(effect.name, middle) < middle:
            yield f"{effect.name} helps, though it looks less like the targets than most of the pool."


def _test_sentence(problem: Problem, test: Sequence[FinalScore], leads: Sequence[FinalLead]) -> str:
    """Gives the first mixture's leads on the test split in words, for a single target."""
    target, *others = problem.targets
    mine = [lead for lead in leads if lead.dataset == target]
    if others or not test or not mine:
        return ""
    points_of = unit(problem)
    findings = [Finding(lead.rival, Estimate(lead.lead, lead.low, lead.high, 1, 0), points_of) for lead in mine]
    return f"{compared(test[0].mixture, findings)}."


def _cost(records: Sequence[Record], log: Sequence[LogEntry]) -> Cost:
    ended = [(record, record.trial) for record in records if record.trial is not None]
    trained = [(record, trial) for record, trial in ended if len(trial.request.mixture)]
    return Cost(
        rounds=sum(entry.kind == "round" for entry in log),
        fine_tunings=sum(max(record.attempts, 1) for record, _ in trained),
        failed=sum(max(record.attempts, 1) - trial.is_finished - went_on(record) for record, trial in trained),
        tokens=sum(trial.tokens for _, trial in trained),
        seconds=sum(trial.seconds for _, trial in ended),
    )


def _heavy(shares: Sequence[Share]) -> Iterable[str]:
    mixtures = [share.mixture for share in shares]
    for share in shares:
        if share.share > HIGH_SHARE and mixtures.count(share.mixture) > 1:
            yield f"{share.dataset} got {share.share:.0%} of the training tokens of {share.mixture}."


def _bare(balancer: str, judged: Verdict) -> Iterable[str]:
    chosen = [mixture for mixture in (judged.winner, judged.recommended) if mixture is not None]
    if balancer == PRIVATE and any(len(mixture) == 1 for mixture in chosen):
        yield UNHIDDEN


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
