"""The report on a terminal."""

from collections.abc import Sequence
from statistics import fmean

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cotune.reporting.balance import Balanced, Conflict
from cotune.reporting.balance_mixed import MixedTrial
from cotune.reporting.front_chart import place_of
from cotune.reporting.html import duration
from cotune.reporting.privacy import privacy_columns, privacy_lines, privacy_terms
from cotune.reporting.report import Report
from cotune.reporting.svg import short
from cotune.verdict import Contest
from cotune.verdict.effects import Effect
from cotune.verdict.front import Front
from cotune.verdict.wording import points

TONES = {"helps": "green", "hurts": "red", "unclear": "bright_black"}
MOST_TRIALS = 10
ROOMY = 100
"""From so many columns on there is room for bars."""

NAME, REASON = 100, 24
"""Longest mixture, some three lines of 80 columns, and longest reason."""


def render_terminal(report: Report, console: Console) -> None:
    """Prints the verdict, the finalists, the datasets' effects, the best trials, cost and warnings."""
    console.print(Panel(plain(report.verdict.sentence), title=plain(report.name), border_style="green", padding=(1, 2)))
    for warning in report.warnings:
        console.print(Text("! ", "yellow") + plain(warning))
    if report.test:
        console.print(_test(report))
    if report.verdict.standings:
        console.print(_finalists(report))
    if report.verdict.guards:
        console.print(_guards(report))
    if report.verdict.front is not None:
        console.print(_front(report.verdict.front))
    if report.contest is not None:
        console.print(plain(report.contest.sentence))
        console.print(_contest(report.contest, report.unit))
    for told in report.balanced:
        console.print(_weights(told))
        if told.privacy:
            console.print(_privacy(told))
    if report.mixed is not None:
        console.print(_shares(report.mixed))
    bars = console.width >= ROOMY
    if report.effects:
        console.print(_effects(report.effects, f"When a dataset is added, {report.unit}", bars=bars))
    if report.part_effects:
        title = f"When a dataset's part grows from the smallest tried to a full one, {report.unit}"
        console.print(_effects(report.part_effects, title, bars=bars))
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
    """Gives an empty table; words wrap at spaces, numbers never, so that names get all the room that numbers leave."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        right = column in numbers
        table.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _reach(value: float, low: float | None, high: float | None, *, sign: bool = False) -> Text:
    """Gives a value with its interval in one cell, which takes less room than two."""
    between = "" if low is None or high is None else f" [{points(low)}, {points(high)}]"
    return Text(f"{points(value, sign=sign)}{between}")


def _test(report: Report) -> Table:
    columns = ["mixture", "dataset", "test"]
    table = _table("\nOn test (read once), with 95 % intervals", columns, columns[2:])
    for line in report.test:
        table.add_row(_name(line.mixture), plain(line.dataset), _reach(line.score, line.low, line.high))
    return table


def _finalists(report: Report) -> Table:
    gaps = {line.against: line.difference for line in report.verdict.comparisons if line.target is None}
    columns = ["finalist", "score", "seeds", "winner's lead"]
    table = _table(
        f"\nFinalists on dev, {report.unit}, with {100 * report.verdict.level:g} % intervals", columns, columns[1:]
    )
    for standing in report.verdict.standings:
        gap = gaps.get(standing.mixture)
        lead = Text() if gap is None else _reach(gap.mean, gap.low, gap.high, sign=True)
        value = standing.value
        label = standing.label.partition(",")[0]  # of "winner, all datasets" the title says the rest
        what = standing.title if standing.title.startswith(label) else f"{label}: {standing.title}"
        table.add_row(_name(what), _reach(value.mean, value.low, value.high), str(value.seeds), lead)
    return table


def _guards(report: Report) -> Table:
    columns = ["to keep", "mixture", "against base", "allowed", ""]
    title = f"\nWhat is to be kept, in points, with {100 * report.verdict.level:g} % intervals"
    table = _table(title, columns, columns[2:4])
    for line in report.verdict.guards:
        gap = _reach(line.difference.mean, line.difference.low, line.difference.high, sign=True)
        row = (plain(line.dataset), _name(line.title), gap, f"-{points(line.margin)}")
        table.add_row(*row, Text(line.state, {"kept": "green", "lost": "red", "open": "bright_black"}[line.state]))
    return table


def _front(front: Front) -> Table:
    shown = sorted(front.lines, key=lambda line: (line not in front.best, not line.is_allowed))[:MOST_TRIALS]
    columns = ["mixture", *front.reference, "seeds", ""]
    title = (
        f"\nFront: {len(front.best)} of {len(front.lines)} mixtures, means over seeds in points; "
        f"hypervolume {front.hypervolume:.4g} above {front.origin}"
    )
    table = _table(title, columns, columns[1:-1])
    for line in shown:
        scores = [_uncertain(line.scores[name], line.errors[name]) for name in front.reference]
        table.add_row(_name(line.title), *scores, str(line.seeds), plain(place_of(line)))
    return table


def _contest(found: Contest, unit: str) -> Table:
    columns = ["balancer", unit, "seeds", f"lead over {found.own}"]
    table = _table("\nBalancers on the winner's mixture", columns, columns[1:])
    table.add_row(plain(found.own), points(found.own_value.mean), str(found.own_value.seeds), "")
    for rival in found.rivals:
        lead = _reach(rival.lead.mean, rival.lead.low, rival.lead.high, sign=True)
        table.add_row(plain(rival.balancer), points(rival.value.mean), str(rival.lead.seeds), lead)
    return table


def _weights(found: Balanced) -> Table:
    columns = ["dataset", "first", "mean", "last", "most against"]
    title = f"\nWeights under {found.balancer} in trial of {found.mixture}"
    table = _table(title, columns, columns[1:4])
    for name in dict.fromkeys(
        [*found.weights, *(name for pair in found.conflicts for name in (pair.first, pair.second))]
    ):
        own = found.weights.get(name)
        shown = [f"{own[0]:.2f}", f"{fmean(own):.2f}", f"{own[-1]:.2f}"] if own else ["–"] * 3
        table.add_row(plain(name), *shown, plain(_against(found.conflicts, name)))
    return table


def _privacy(found: Balanced) -> Table:
    columns = privacy_columns(found.terms)
    hidden = privacy_terms(found.terms)
    table = _table(f"\nPrivacy of that training{f', {hidden}' if hidden else ''}", columns, columns[1:])
    for name, used, drawn in privacy_lines(found.privacy):
        table.add_row(plain(name), used, drawn)
    return table


def _shares(found: MixedTrial) -> Table:
    columns = ["dataset", "first", "mean", "last", "trained", *(["weight"] if found.weights else []), "left"]
    title = f"\nShares under {found.mixing} in trial of {found.mixture}, and what was trained of all tokens"
    table = _table(title, columns, columns[1:-1])
    left = {name: f"step {step}: {reason}" for step, name, reason in found.dropped}
    for name, own in found.shares.items():
        shown = [f"{own[0]:.2f}", f"{fmean(own):.2f}", f"{own[-1]:.2f}", f"{found.realised[name]:.1%}"]
        if found.weights:
            shown.append(f"{found.weights[name][-1]:.2f}" if name in found.weights else "–")
        table.add_row(plain(name), *shown, plain(left.get(name, "")))
    return table


def _against(conflicts: Sequence[Conflict], name: str) -> str:
    """Gives the dataset whose gradient points most against that of `name`, with the mean cosine, if any does."""
    mine = [pair for pair in conflicts if name in (pair.first, pair.second)]
    worst = min(mine, key=lambda pair: pair.cosine, default=None)
    if worst is None or worst.cosine >= 0:
        return ""
    return f"{worst.second if worst.first == name else worst.first} ({worst.cosine:+.2f})"


def _uncertain(score: float, error: float | None) -> Text:
    return Text(points(score) if error is None else f"{points(score)} ± {points(error)}")


def _effects(effects: Sequence[Effect], title: str, *, bars: bool) -> Table:
    columns = ["dataset", "effect", "measured", "", *([" "] if bars else [])]
    table = _table(f"\n{title}", columns, columns[1:3])
    most = max((abs(effect.mean) for effect in effects), default=0.0) or 1.0
    for effect in effects:
        seen = "" if effect.measured is None else f"{points(effect.measured, sign=True)} ({effect.pairs})"
        bar = [Text("█" * round(12 * abs(effect.mean) / most), TONES[effect.label])] if bars else []
        reach = _reach(effect.mean, effect.low, effect.high, sign=True)
        table.add_row(plain(effect.name), reach, seen, Text(effect.label, TONES[effect.label]), *bar)
    return table


def _trials(report: Report) -> Table:
    scored = [trial for trial in report.trials if trial.value is not None]
    best = sorted(scored, key=lambda trial: (-(trial.value or 0.0), trial.number))[:MOST_TRIALS]
    columns = ["#", "score", "seed", "mixture", "why"]
    title = f"\nBest {len(best)} of {len(report.trials)} trials as observed, {report.unit}"
    table = _table(title, columns, columns[:3])
    for trial in best:
        row = (points(trial.value or 0.0), str(trial.seed), _name(trial.mixture), plain(shorten(trial.reason, REASON)))
        table.add_row(str(trial.number), *row)
    return table


def _name(mixture: str) -> Text:
    return plain(shorten(mixture, NAME))


def shorten(words: str, most: int) -> str:
    """Gives words in at most `most` characters; of long ones the beginning and the end, where names tend to differ."""
    if len(words) <= most:
        return words
    tail = most // 3
    return f"{words[: most - 1 - tail]}…{words[len(words) - tail :]}"
