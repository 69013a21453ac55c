"""`cotune check`: what would go wrong, and what it will cost, before anything is spent."""

from typing import TYPE_CHECKING, Annotated

import typer

from cotune.cli.console import batches, duration, plain, print_json, print_table, print_text, shorten
from cotune.cli.errors import MISTAKE, OK, one_line, say
from cotune.cli.options import AsJson, DataFolder, Overrides, SearchSeed, StudyFile, Targets, TargetsFile
from cotune.cli.run import again, given

if TYPE_CHECKING:
    from cotune.cli.inspection import Inspection


def check(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    seed: SearchSeed = None,
    target: Targets = None,
    targets: TargetsFile = None,
    measure: Annotated[bool, typer.Option(help="Train a few examples to estimate the time.")] = True,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Checks data and settings, and estimates what a run will cost.

    Shows leaks, lengths, what the model will see, and each dataset's share.

    \b
    cotune check study.yaml
    cotune check study.yaml budget.tokens=200000 --no-measure
    Exit code 2 if a run would fail. Next: cotune run study.yaml
    """
    from cotune.cache import cache_root
    from cotune.cli.inspection import inspect
    from cotune.cli.opening import chosen_targets, open_study
    from cotune.cli.screen import Screen
    from cotune.cli.stages import Stages

    changes = [*(overrides or ()), *chosen_targets(target, targets), *given([("search.seed", seed)])]
    opened = open_study(study, changes)
    with Screen(quiet=as_json) as screen:
        stages = Stages(screen, verb="measuring the time of")
        found = inspect(opened, data=data, cache=cache_root() / "trunk", measure=measure, tell=stages.tell)
    if as_json:
        print_json(plain(found))
    else:
        show(found)
    for error in found.errors:
        say(f"Error: {one_line(error)}")
    if found.errors:
        return MISTAKE
    if not as_json:
        print_text(f"\nReady. Next: {again(['run', str(study)], changes, {'--data': [data]})}")
    return OK


def show(found: "Inspection") -> None:
    """Prints what a check found."""
    if found.mixtures:
        print_text(f"{found.name}: {found.mixtures:,} mixtures to choose from, for {', '.join(found.targets)}.\n")
    if found.datasets:
        _show_datasets(found)
        _show_lost(found)
    if found.leaks:
        print_text("\nLeaks (dropped, but for train texts under five words, unless `leaks:` says otherwise)")
    for line in found.leaks:
        print_text(f"  {line}")
    if found.shares is not None:
        _show_shares(found)
    _show_phases(found)
    if found.cost is not None:
        time = "" if found.cost.seconds is None else f", about {duration(found.cost.seconds)} on this machine"
        print_text(f"\nCost: {found.cost.fine_tunings} fine-tunings, {found.cost.tokens:,} training tokens{time}")
        if found.cost.references:
            print_text(f"Beside them: {found.cost.references} reference trainings, in the time but not in the tokens")
    if found.batch is not None:
        print_text(f"The search proposes {batches(found.batch)}.")
    for line in found.warnings:
        print_text(f"Warning: {one_line(line)}")


def _show_datasets(found: "Inspection") -> None:
    kinds, texts = [], []  # two tables, since one of all columns is wider than a terminal
    for one in found.datasets:
        facts = one.statistics
        counts = [f"{facts.rows.get(split, 0):,}" for split in ("train", "dev", "test")]
        lengths = [f"{facts.input_words:.0f}", f"{facts.answer_words:.0f}", str(len(facts.label_counts))]
        kinds.append([one.name, one.kind, one.metric, *counts])
        texts.append([one.name, *lengths, f"{facts.empty_share:.0%}", shorten(one.licence, 30)])
    print_table(["dataset", "kind", "metric", "train", "dev", "test"], kinds)
    print_text()
    print_table(["dataset", "words in", "out", "labels", "empty", "licence"], texts)
    print_text("\nFirst train row of each, as the model sees it (answer after =>)")
    for one in found.datasets:
        print_text(f"  {one.name}: {shorten(one_line(one.prompt), 300)} => {shorten(one_line(one.answer), 120)}")


def _show_lost(found: "Inspection") -> None:
    lost = [one for one in found.datasets if one.lost]
    if lost:
        print_text("\nGold answers that do not read back from their text, so that no output scores in full")
    for one in lost:
        rows = sum(one.statistics.rows.values())
        print_text(f"  {one.name}: {one.lost:,} of {rows:,} rows, as {one_line(', '.join(one.first_lost))}")


def _show_shares(found: "Inspection") -> None:
    shares = found.shares or {}
    total = sum(exposure.tokens for exposure in shares.values()) or 1
    print_text("\nWhat is trained of each when all are in")
    rows = [
        [
            name,
            f"{one.tokens:,}",
            f"{one.tokens / total:.1%}",
            f"{one.examples:,}",
            f"{one.epochs:.2f}",
            str(one.truncated),
        ]
        for name, one in shares.items()
    ]
    print_table(["dataset", "tokens", "share", "examples", "epochs", "cut"], rows)


def _show_phases(found: "Inspection") -> None:
    if found.phases:
        print_text("\nIn which order: phases of the curriculum when all are in")
    begin = 0.0
    for one in found.phases:
        total = sum(one.tokens.values())
        shares = ", ".join(f"{name} {tokens / max(total, 1):.0%}" for name, tokens in one.tokens.items())
        print_text(f"  {begin:.0%} to {one.phase.until:.0%}, {total:,} tokens: {shares}")
        begin = one.phase.until
