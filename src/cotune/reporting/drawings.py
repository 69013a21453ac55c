"""Which charts a report shows, and the figures that go into them."""

from cotune.reporting import charts
from cotune.reporting.balance_charts import conflict_matrix, influence_matrix, over_time
from cotune.reporting.charts import Bar
from cotune.reporting.front_chart import front_chart
from cotune.reporting.report import FinalScore, Report
from cotune.verdict import Comparison, Rival
from cotune.verdict.effects import Effect
from cotune.verdict.guards import Guard
from cotune.verdict.wording import interval, points

TONES = {"helps": "good", "hurts": "bad", "unclear": "plain"}


def drawings(report: Report) -> dict[str, str]:
    """Gives every chart of the report as SVG by name; those without data are left out."""
    unit = report.unit
    found: dict[str, str] = {}
    objective = [line for line in report.verdict.comparisons if line.target is None]
    targets = [line for line in report.verdict.comparisons if line.target is not None]
    if objective:
        bars = [_comparison(line) for line in objective]
        found["comparisons"] = charts.intervals(
            bars, unit=f"{unit} by which the winner leads", label="Winner against its rivals"
        )
    if targets:
        bars = [_comparison(line) for line in targets]
        found["targets"] = charts.intervals(
            bars, unit="points by which the winner leads", label="Winner against its rivals by target"
        )
    tested = [score for score in report.test if score.dataset in report.targets]
    if tested:
        bars = [_final(score, report, is_first=score.mixture == tested[0].mixture) for score in tested]
        found["test"] = charts.intervals(bars, unit=f"{unit} on test", label="Test scores", zero=False)
    if report.effects:
        bars = [_effect(effect) for effect in report.effects]
        found["effects"] = charts.intervals(bars, unit=f"{unit} when it is added", label="Effect of each dataset")
    if report.part_effects:
        bars = [_effect(effect) for effect in report.part_effects]
        found["parts"] = charts.intervals(bars, unit=f"{unit} from smallest to full part", label="Larger parts")
    if report.verdict.guards:
        bars = [_guard(line) for line in report.verdict.guards]
        found["guards"] = charts.intervals(bars, unit="points against the base model", label="What is to be kept")
    if report.verdict.front is not None:
        found["front"] = front_chart(report.verdict.front)
    if report.curve:
        found |= _curves(report)
    if any(trial.predicted is not None and trial.value is not None for trial in report.trials):
        found["predictions"] = charts.predicted_against_measured(report.trials, unit=unit)
    if report.contest:
        found["contest"] = charts.intervals(
            [_rival(rival) for rival in report.contest.rivals],
            unit=f"{unit} by which it leads {report.contest.own}",
            label="Balancers on the winner's mixture",
        )
    found |= _balance(report)
    if report.shares:
        found["shares"] = charts.shares(report.shares)
    return found


def _balance(report: Report) -> dict[str, str]:
    """Gives what balancers, by their names, and a mixer did in the trials that are shown."""
    found, drawn = {}, report.mixed
    for told in report.balanced:
        label = f"Weights under {told.balancer}"
        if told.weights:
            found[f"weights {told.balancer}"] = over_time(told.steps, told.weights, unit="weight", label=label)
        if told.conflicts:
            found[f"conflicts {told.balancer}"] = conflict_matrix(told.conflicts)
    if drawn:
        found["drawn"] = over_time(drawn.steps, drawn.shares, unit="share", label=f"Shares under {drawn.mixing}")
    if drawn and drawn.weights:
        label = f"Weights under {drawn.mixing}"
        found["drawn_weights"] = over_time(drawn.steps, drawn.weights, unit="weight", label=label)
    if drawn and drawn.influence:
        found["influence"] = influence_matrix(drawn.influence)
    return found


def strips(report: Report) -> list[str]:
    """Gives the strip of datasets of each trial, in order."""
    names = [dataset.name for dataset in report.datasets]
    return [charts.strip(trial.parts, names, list(report.targets)) for trial in report.trials]


def _curves(report: Report) -> dict[str, str]:
    """Gives the best so far against each kind of cost that was measured."""
    steps, unit = report.curve, report.unit
    found = {"by_fine_tunings": charts.best_so_far(steps, "fine-tunings", lambda step: step.fine_tunings, unit=unit)}
    if report.cost.tokens:
        found["by_tokens"] = charts.best_so_far(steps, "training tokens", lambda step: step.tokens, unit=unit)
    if report.cost.seconds:
        found["by_seconds"] = charts.best_so_far(steps, "device-seconds", lambda step: step.seconds, unit=unit)
    return found


def _comparison(line: Comparison) -> Bar:
    gap = line.difference
    tone = "good" if gap.is_above else "bad" if gap.is_below else "plain"
    label = line.label if line.target is None else f"{line.target}: {line.label}"
    note = f"{points(gap.mean, sign=True)} {interval(gap)}"
    low, high = (None, None) if gap.low is None or gap.high is None else (100 * gap.low, 100 * gap.high)
    return Bar(label, 100 * gap.mean, low, high, tone, note)


def _rival(rival: Rival) -> Bar:
    gap = rival.lead
    tone = "good" if gap.is_above else "bad" if gap.is_below else "plain"
    low, high = (None, None) if gap.low is None or gap.high is None else (100 * gap.low, 100 * gap.high)
    return Bar(rival.balancer, 100 * gap.mean, low, high, tone, f"{points(gap.mean, sign=True)} {interval(gap)}")


def _guard(line: Guard) -> Bar:
    gap, tone = line.difference, {"kept": "good", "lost": "bad", "open": "plain"}[line.state]
    note = f"{points(gap.mean, sign=True)} {interval(gap)}"
    low, high = (None, None) if gap.low is None or gap.high is None else (100 * gap.low, 100 * gap.high)
    return Bar(f"{line.dataset} (-{points(line.margin)}): {line.title}", 100 * gap.mean, low, high, tone, note)


def _final(score: FinalScore, report: Report, *, is_first: bool) -> Bar:
    label = score.mixture if len(report.targets) == 1 else f"{score.dataset}: {score.mixture}"
    tone = "good" if is_first else "plain"
    if score.low is None or score.high is None:
        return Bar(label, 100 * score.score, None, None, tone, points(score.score))
    note = f"{points(score.score)} [{points(score.low)}, {points(score.high)}]"
    return Bar(label, 100 * score.score, 100 * score.low, 100 * score.high, tone, note)


def _effect(effect: Effect) -> Bar:
    seen = None if effect.measured is None else 100 * effect.measured
    note = f"{points(effect.mean, sign=True)} [{points(effect.low)}, {points(effect.high)}]"
    return Bar(effect.name, 100 * effect.mean, 100 * effect.low, 100 * effect.high, TONES[effect.label], note, seen)
