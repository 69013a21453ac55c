"""The table of weightings: on the terminal and as CSV."""

from collections.abc import Iterator, Sequence

from cotune.cli.console import print_table, print_text
from cotune.problem import Problem
from cotune.verdict.tradeoff import Tradeoff
from cotune.verdict.weightings import Weighting, Weightings
from cotune.verdict.wording import points


def print_weightings(problem: Problem, names: Sequence[str], found: Weightings, along: Tradeoff | None) -> None:
    """Prints a line for each weighting, what the best lead by, and the trade-off of a sweep."""
    targets, is_one = problem.targets, len(problem.targets) == 1
    header = [*names, *(f"{what} {name}" for name in targets for what in ("score", "loss"))]
    header += [] if is_one else ["mean", "worst"]
    print_text("Weights of the losses; scores and losses on dev, losses in nats a token.\n")
    print_table([*header, ""], [_row(names, targets, line, is_one=is_one) for line in found.lines])
    told = [*(lead.sentence for lead in found.leads), *([along.sentence] if along else [])]
    print_text("\n" + "\n".join([*told, *(f"Warning: {warning}" for warning in found.warnings)]))


def csv_header(problem: Problem, names: Sequence[str]) -> list[str]:
    """Gives the columns of the table."""
    own = [f"{what}:{name}" for what, group in _columns(problem, names) for name in group]
    return [*own, "mean", "worst", "seeds", "marks"]


def csv_rows(problem: Problem, names: Sequence[str], found: Weightings) -> Iterator[list[object]]:
    """Yields a row for each weighting."""
    for line in found.lines:
        values = {"weight": line.weights, "score": line.scores, "loss": line.losses}
        own: list[object] = [values[what].get(name) for what, group in _columns(problem, names) for name in group]
        yield [*own, line.mean, line.worst, line.seeds, "; ".join(line.marks)]


def _columns(problem: Problem, names: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    return [("weight", names), ("score", problem.targets), ("loss", tuple(dict.fromkeys([*names, *problem.targets])))]


def _row(names: Sequence[str], targets: Sequence[str], line: Weighting, *, is_one: bool) -> list[str]:
    weights = [f"{line.weights[name]:.3g}" for name in names]
    results = [text for name in targets for text in (points(line.scores[name]), _loss(line, name))]
    both = [] if is_one else [points(line.mean), points(line.worst)]
    return [*weights, *results, *both, ", ".join(line.marks)]


def _loss(line: Weighting, name: str) -> str:
    return f"{line.losses[name]:.3f}" if name in line.losses else ""
