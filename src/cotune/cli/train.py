"""`cotune train`: the final adapter, its test scores and its model card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import AsJson, DataFolder, Overrides, RunsFolder, StudyFile


def train(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the adapter (PEFT format).")],
    mix: Annotated[
        str | None, typer.Option("--mix", metavar="A,B", help="Train this mixture; scored on dev, test stays unread.")
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="Also train each dataset of the mixture alone, and compare on dev.")
    ] = False,
    winner: Annotated[
        bool, typer.Option("--winner", help="Train the leader, even where a cheaper mixture is as good.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the training.")] = 0,
    anchors: Annotated[bool, typer.Option(help="Also train and test target-only and all-datasets.")] = True,
    reread_test: Annotated[
        bool, typer.Option("--reread-test", help="Read test again; choosing by it makes its scores optimistic.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained; train nothing.")] = False,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Trains the final adapter and reads its test scores, once.

    Trains what the verdict recommends, and both anchors for comparison; writes adapter and model card.

    \b
    cotune train study.yaml --out best/
    cotune train study.yaml --out joint/ --mix reviews,news --single
    Next: peft.PeftModel.from_pretrained(base, "best/")
    """
    _check_together(mix, single=single, of_search=[winner, not anchors, reread_test])
    from cotune.cli.final import Final
    from cotune.cli.finals import train_final, train_mixture
    from cotune.cli.opening import open_run
    from cotune.cli.planned import plan_final, plan_mixture
    from cotune.cli.train_preview import preview_training
    from cotune.journal import read_journal

    opened = open_run(study, overrides or (), runs=runs)
    final = Final.prepare(opened, out=out, seed=seed, data=data, quiet=as_json)
    view = None if mix is not None else read_journal(opened.folder)
    if view is None:
        planned = plan_mixture(final.problem, mix, single=single)
    else:
        planned = plan_final(view, final.problem, winner=winner, anchors=anchors)
    if dry_run:
        return preview_training(final, planned, reread_test=reread_test)
    return train_mixture(final, planned) if view is None else train_final(final, planned, view, reread_test=reread_test)


def _check_together(mix: str | None, *, single: bool, of_search: Sequence[bool]) -> None:
    """Checks that options belong together: a mixture of one's own has no verdict, anchors or test."""
    if single and mix is None:
        raise ValueError("--single trains the datasets of a --mix alone, for comparison; name it, as --mix a,b.")
    if mix is not None and any(of_search):
        raise ValueError(
            "--mix trains a mixture of your own, scored on dev: it takes no --winner, --no-anchors, --reread-test."
        )
