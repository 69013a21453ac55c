"""What a search among adapters found: on the terminal, and as facts for JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cotune.cli.console import Json, print_table, print_text
from cotune.verdict.loss_gap import LossGap

if TYPE_CHECKING:
    from cotune.training.reuse.descent import Pick
    from cotune.training.reuse.search import Found, Measured

NONE = "no adapter"


def print_found(found: "Found", labels: Sequence[str]) -> None:
    """Prints the losses of none, of each adapter whole and of the pick, its layers, and what it is worth."""
    print_text("Losses in nats a token; last, the pick's loss on dev minus the other's, with its 95 % interval.\n")
    print_table(["", "chosen by", "dev", "pick minus it"], [_row(*named) for named in _measured(found, labels)])
    print_text(f"\nLayers of the pick: {_layers(found.pick.pick, labels)}.")
    descent = found.descent
    changes, passes = _count(len(descent.changes), "change"), _count(descent.passes, "pass")
    more = "" if descent.is_settled else "; the last pass still changed something, more --passes may change more"
    print_text(f"{changes} in {passes}, {found.readings} picks read{more}.\n{sentence(found, labels)}")


def sentence(found: "Found", labels: Sequence[str]) -> str:
    """Gives what the pick is worth on dev against the best adapter whole and against none."""
    rivals = [(f"{labels[found.best]} whole", found.wholes[found.best].gap), (NONE, found.none.gap)]
    told = [(name, gap) for name, gap in rivals if gap is not None]
    same = [f"The pick is {name}." for name, gap in rivals if gap is None]
    lower = [_by(name, gap) for name, gap in told if gap.interval()[1] < 0]
    higher = [_by(name, gap) for name, gap in told if gap.interval()[0] > 0]
    even = [f"{name} ({_signed(gap)})" for name, gap in told if gap.interval()[0] <= 0 <= gap.interval()[1]]
    parts = [*same]
    parts += [f"On dev its loss is below that of {' and '.join(lower)} nats a token."] if lower else []
    parts += [f"On dev its loss is above that of {' and '.join(higher)} nats a token."] if higher else []
    parts += [f"No detectable difference on dev from {' and '.join(even)}."] if even else []
    return " ".join(parts)


def facts_of(found: "Found", labels: Sequence[str]) -> dict[str, Json]:
    """Gives all that was found as JSON; layers count from the lowest, 0."""
    return {
        "layers": _named(found.pick.pick, labels),
        "losses": [_facts(name, one) for name, one in _measured(found, labels)],
        "best_whole": labels[found.best],
        "conclusion": sentence(found, labels),
        "changes": [
            {
                "pass": change.sweep + 1,
                "layer": change.layer,
                "before": _label(change.before, labels),
                "after": _label(change.after, labels),
                "difference": change.gap.mean,
                "error": change.gap.error,
            }
            for change in found.descent.changes
        ],
        "passes": found.descent.passes,
        "settled": found.descent.is_settled,
        "readings": found.readings,
    }


def _measured(found: "Found", labels: Sequence[str]) -> list[tuple[str, "Measured"]]:
    wholes = [(f"{label} whole", one) for label, one in zip(labels, found.wholes, strict=True)]
    return [(NONE, found.none), *wholes, ("pick", found.pick)]


def _row(name: str, one: "Measured") -> list[str]:
    return [name, f"{one.train:.4f}", f"{one.dev:.4f}", "" if one.gap is None else _signed(one.gap)]


def _facts(name: str, one: "Measured") -> dict[str, Json]:
    facts: dict[str, Json] = {"of": name, "chosen_by": one.train, "dev": one.dev, "pick_minus_it": None}
    if one.gap is not None:
        facts["pick_minus_it"] = {"difference": one.gap.mean, "interval": list(one.gap.interval())}
    return facts


def _named(pick: "Pick", labels: Sequence[str]) -> list[Json]:
    return [_label(adapter, labels) for adapter in pick]


def _label(adapter: int | None, labels: Sequence[str]) -> str | None:
    return None if adapter is None else labels[adapter]


def _layers(pick: "Pick", labels: Sequence[str]) -> str:
    """Gives runs of layers with what they are from, lowest first."""
    names = [_label(adapter, labels) or "none" for adapter in pick]
    starts = [layer for layer in range(len(names)) if layer == 0 or names[layer] != names[layer - 1]]
    ends = [*(start - 1 for start in starts[1:]), len(names) - 1]
    runs = [(str(a) if a == b else f"{a}-{b}", names[a]) for a, b in zip(starts, ends, strict=True)]
    return ", ".join(f"{run} {name}" for run, name in runs)


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"


def _signed(gap: LossGap) -> str:
    low, high = gap.interval()
    return f"{gap.mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def _by(name: str, gap: LossGap) -> str:
    low, high = sorted(map(abs, gap.interval()))
    return f"{name} by {abs(gap.mean):.4f} [{low:.4f}, {high:.4f}]"
