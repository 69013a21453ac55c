"""The report on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cotune.reporting.html import duration
from cotune.reporting.report import Report
from cotune.reporting.svg import short
from cotune.verdict.effects import Effect
from cotune.verdict.wording import interval, points

TONES = {"helps": "green", "hurts": "red", "unclear": "bright_black"}
MOST_TRIALS = 10


def render_terminal(report: Report, console: Console) -> None:
    """Prints the verdict, the finalists, the datasets' effects, the best trials, cost and warnings."""
    console.print(Panel(plain(report.verdict.sentence), title=plain(report.name), border_style="green", padding=(1, 2)))
    for warning in report.warnings:
        console.print(Text("! ", "yellow") + plain(warning))
    if report.test:
        console.print(_test(report))
    if report.verdict.standings:
        console.print(_finalists(report))
    if report.effects:
        console.print(_effects(report.effects, report.unit))
    if any(trial.value is not None for trial in report.trials):
        console.print(_trials(report))
    cost = report.cost
    failed = f", {cost.failed} failed" if cost.failed else ""
    spent = f"{cost.fine_tunings} fine-tunings{failed}, {cost.rounds} rounds, {short(cost.tokens)} training tokens, "
    console.print(plain(f"{spent}{duration(cost.seconds)} of device time"), style="bright_black")
    if report.stopped:
        console.print(plain(f"Search stopped by: {report.stopped}"), style="bright_black")


def plain(words: str) -> Text:
    """Gives words without markup or control characters, which could steer the terminal."""
    return Text("".join(sign if sign.isprintable() else " " for sign in words))


def _table(title: str, columns: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        right = column in numbers
        table.add_column(column, justify="right" if right else "left", no_wrap=right, style="", overflow="fold")
    return table


def _test(report: Report) -> Table:
    columns = ["mixture", "dataset", "test", "interval"]
    table = _table("\nOn test (read once)", columns, columns[2:])
    for line in report.test:
        reach = "" if line.low is None or line.high is None else f"[{points(line.low)}, {points(line.high)}]"
        table.add_row(plain(line.mixture), plain(line.dataset), points(line.score), Text(reach))
    return table


def _finalists(report: Report) -> Table:
    gaps = {line.against: line.difference for line in report.verdict.comparisons if line.target is None}
    columns = ["", "mixture", report.unit, "interval", "seeds", "winner's lead", ""]
    table = _table(f"\nFinalists on dev, {report.unit}", columns, columns[2:])
    for standing in report.verdict.standings:
        gap = gaps.get(standing.mixture)
        lead = ("", "") if gap is None else (points(gap.mean, sign=True), interval(gap))
        score = (points(standing.value.mean), Text(interval(standing.value)), str(standing.value.seeds))
        table.add_row(standing.label, plain(standing.title), *score, lead[0], Text(lead[1]))
    return table


def _effects(effects: Sequence[Effect], unit: str) -> Table:
    columns = ["dataset", "effect", "interval", "measured", "", " "]
    table = _table(f"\nWhen a dataset is added, {unit}", columns, columns[1:4])
    most = max((abs(effect.mean) for effect in effects), default=0.0) or 1.0
    for effect in effects:
        reach = f"[{points(effect.low)}, {points(effect.high)}]"
        seen = "" if effect.measured is None else f"{points(effect.measured, sign=True)} ({effect.pairs})"
        bar = Text("█" * round(12 * abs(effect.mean) / most), TONES[effect.label])
        found = Text(effect.label, TONES[effect.label])
        table.add_row(plain(effect.name), points(effect.mean, sign=True), Text(reach), seen, found, bar)
    return table


def _trials(report: Report) -> Table:
    scored = [trial for trial in report.trials if trial.value is not None]
    best = sorted(scored, key=lambda trial: (-(trial.value or 0.0), trial.number))[:MOST_TRIALS]
    columns = ["#", "mixture", report.unit, "seed", "why"]
    table = _table(
        f"\nBest {len(best)} of {len(report.trials)} trials as observed", columns, [columns[0], *columns[2:4]]
    )
    for trial in best:
        row = (plain(trial.mixture), points(trial.value or 0.0), str(trial.seed), plain(trial.reason))
        table.add_row(str(trial.number), *row)
    return table
