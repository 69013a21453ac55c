"""The table of the engine benchmark as Markdown."""

from collections.abc import Mapping, Sequence
from typing import cast

from benchmarks.engine.child import PEERS
from benchmarks.engine.figures import Figures
from benchmarks.engine.work import Work

NAMES = {
    "trl": "TRL SFTTrainer, padded",
    "trl_packed": "TRL SFTTrainer, packed (`padding_free`)",
    "transformers": "transformers Trainer",
    "cotune_no_trunk": "cotune, without the trunk",
    "cotune": "cotune, trunk computed within",
    "cotune_together": "cotune, many at once",
}
MIB = 2**20
HEAD = (
    "contestant",
    "seconds for all trials",
    "trials/hour",
    "against {against}",
    "tokens/s in training",
    "after its first step",
    "tokens/s, all",
    "second trial: first step (s)",
    "peak memory (MiB)",
    "mean dev loss",
    "largest difference",
    "MFU",
)


def table(rows: Sequence[Figures], against: str) -> str:
    """Gives the table; speeds are compared with the contestant `against`, if it ran."""
    base = next((row.trials_per_hour for row in rows if row.contestant == against), None)
    head = [text.format(against=NAMES[against].split(",")[0]) for text in HEAD]
    lines = [head, ["---"] * len(head), *(_cells(row, base) for row in rows)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def heading(command: str, facts: Mapping[str, object], work: Work, repeats: int) -> str:
    """Gives what is said above the table."""
    versions = cast(dict[str, str], facts["versions"])
    layers = f"the top {work.top}" if work.top else "all"
    named = ", ".join(
        f"{name} {versions[name]}" for name in ("torch", "transformers", "peft", "trl") if name in versions
    )
    return (
        "<!-- written by benchmarks/engine; do not edit -->\n"
        f"{work.trials} trials, each {work.steps} steps of {work.batch} rows of at most {work.max_length} tokens, then "
        f"the loss of {work.dev_rows} dev rows, on mixtures of {', '.join(work.datasets)}; LoRA of rank {work.rank} on "
        f"all linear modules of {layers} layers, {work.dtype}. All contestants train on the same rows in the "
        "same order from the same factors; trainers of others get them as tokens and one trial after the other, in one "
        "process. Seconds count the imports and everything after them; tokens/s are without padding, those in training "
        "with the set-up of a trial (the loading of the model, the filling of the trunk); medians of "
        f"{repeats} {'run' if repeats == 1 else 'runs'}. Where fewer trials were run, their mean stands for the rest. "
        "The mean dev loss is over the trials that were run; the difference is the largest between trials on the same "
        "rows.\n\n"
        f"`{command}` at commit {facts['commit']} on {facts['hardware']}, device {facts['device']}, seed {work.seed}, "
        f"Python {facts['python']}, {named}.\n\n"
    )


def _cells(row: Figures, base: float | None) -> list[str]:
    run = f" ({row.measured} run)" if row.contestant in PEERS else ""
    return [
        NAMES[row.contestant] + run,
        f"{row.seconds:.4g}",
        f"{row.trials_per_hour:.3g}",
        "" if base is None else f"{row.trials_per_hour / base:.2f}x",
        _or_dash(row.tokens_per_second, ".0f"),
        _or_dash(row.step_tokens_per_second, ".0f"),
        f"{row.all_tokens_per_second:.0f}",
        _or_dash(row.second_first_step, ".2f"),
        f"{row.peak_bytes / MIB:.0f}",
        f"{row.loss:.4f}",
        _or_dash(row.minus, ".1e"),
        _or_dash(row.mfu, ".1%"),
    ]


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
