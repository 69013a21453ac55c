"""Summaries as Markdown: a table for each pool and budget, the best method first."""

from collections.abc import Iterator, Sequence

from benchmarks.summary import Interval, Line

SEARCH = ("nregret", "top1pct", "top1", "rank_percent", "runs", "refused", "seconds_per_proposal")
"""Figures of a search; the first is what methods are ranked by, the lower the better."""
CURVE = ("spearman",)
"""The figure of a learning curve; the higher the better."""


def markdown(lines: Sequence[Line], against: str) -> str:
    """Gives the tables of a search or of a learning curve, whichever the lines are of."""
    text: list[str] = []
    for pool, budget in dict.fromkeys((line.pool, line.budget) for line in lines):
        inside = [line for line in lines if (line.pool, line.budget) == (pool, budget)]
        problems = max(line.problems for line in inside)
        text += ["", f"**{pool}, {budget} runs** ({problems} problems)", "", *_table(inside, against)]
    return "\n".join(text).strip() + "\n"


def _table(lines: Sequence[Line], against: str) -> Iterator[str]:
    is_search = SEARCH[0] in lines[0].mean
    figure, sign = (SEARCH[0], 1) if is_search else (CURVE[0], -1)
    is_compared = any(line.minus for line in lines)
    compared = [f"mean - {against}"] if is_compared else []
    more = ["90 % quantile", "top 1 %", "seconds a proposal"] if is_search else []
    head = ["method", "mean", *compared, "median", *more]
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for line in sorted(lines, key=lambda line: sign * line.mean[figure][0]):
        cells = [line.method, _plain(line.mean[figure])]
        if is_compared:
            cells.append(_signed(line.minus[figure]) if line.minus and line.method != against else "")
        cells.append(_plain(line.median))
        if is_search:
            cells += [_plain(line.quantile90), _percent(line.mean["top1pct"])]
            cells.append(_short(line.mean["seconds_per_proposal"]))
        yield "| " + " | ".join(cells) + " |"


def _plain(values: Interval) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def _signed(values: Interval) -> str:
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*values)


def _percent(values: Interval) -> str:
    return "{:.0%} [{:.0%}, {:.0%}]".format(*values)


def _short(values: Interval) -> str:
    return "{:.2g} [{:.2g}, {:.2g}]".format(*values)
