"""Final trainings: what is shipped, what it is compared with, and what is refused."""

from datetime import UTC, datetime

from cotune.cli.artefact import write_card
from cotune.cli.conclusion import conclude
from cotune.cli.console import print_text
from cotune.cli.errors import OK
from cotune.cli.final import Final
from cotune.cli.mixtures import parse_mixture
from cotune.cli.training_record import training_record
from cotune.cli.unfinished import unfinished
from cotune.journal import Journal, JournalView, open_log, read_journal
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting import entry_scores
from cotune.verdict import judge
from cotune.verdict.wording import title


def train_final(final: Final, *, winner: bool, anchors: bool, reread_test: bool) -> int:
    """Trains what the verdict recommends, tests it beside the anchors, and writes adapter, log entry and card.

    Raises:
        FileNotFoundError: the study was not run.
        ValueError: nothing has finished, the data changed, or test was read before.
    """
    view, problem = read_journal(final.opened.folder), final.problem
    if not reread_test:
        _refuse_second_reading(view)
    _refuse_other_data(view, problem)
    verdict = judge(problem, view.records)
    chosen = verdict.winner if winner else verdict.recommended
    if chosen is None or not len(chosen):
        raise ValueError(
            f"There is nothing to train: {verdict.sentence} To train all the same, say --winner or name a --mix."
        )
    if not final.quiet:
        print_text(f"{verdict.sentence}\nTraining {title(problem, chosen)}.")
    rivals = [problem.target_only, problem.everything] if anchors else []
    with (
        unfinished(final.out) as scratch,
        Journal(view.folder, settings=view.settings, datasets=view.datasets, seed=view.seed) as journal,
    ):
        outcomes = final.train([chosen, *rivals], targets=problem.targets, split="test", folders={chosen: scratch})
        entry = training_record(final, outcomes)
        journal.log("test", entry)
        write_card(final.opened, problem, outcomes[0], scratch, name=final.out.name)
    conclude(final.out, entry, "test", as_json=final.quiet)
    return OK


def train_mixture(final: Final, mix: str | None, *, single: bool) -> int:
    """Trains a mixture of the user's choice, and each of its datasets alone with `single`; scores and logs them.

    Raises:
        ValueError: unknown datasets, or a study folder that cannot be written.
    """
    problem = final.problem
    mixture = problem.everything if mix is None else parse_mixture(mix, problem)
    log = open_log(final.opened.folder)
    with unfinished(final.out) as scratch:
        alone = {Mixture.of([name]): scratch / "single" / name for name in mixture.names} if single else {}
        folders = alone | {mixture: scratch}
        outcomes = final.train([mixture, *alone], targets=mixture.names, split="dev", folders=folders)
        entry = training_record(final, outcomes)
        log.append("training", entry)
        for outcome in outcomes:
            folder = folders[outcome.mixture]
            name = final.out.name if folder == scratch else folder.name
            write_card(final.opened, problem, outcome, folder, name=name, dev=entry_scores(entry))
    conclude(final.out, entry, "dev", as_json=final.quiet)
    return OK


def _refuse_second_reading(view: JournalView) -> None:
    readings = view.logged("test")
    if readings:
        day = datetime.fromtimestamp(readings[-1].at, UTC).date()
        raise ValueError(
            f"The test split was read on {day}, and `cotune report` shows the scores. Reading it again to choose by it "
            "makes them optimistic; if you must, say --reread-test, or train without it by --mix."
        )


def _refuse_other_data(view: JournalView, problem: Problem) -> None:
    changed = [
        task.name for task in problem.tasks if view.datasets.get(task.name, task.fingerprint) != task.fingerprint
    ]
    if changed:
        raise ValueError(
            f"Datasets {changed} have other content than when the study ran, so its winner may not be theirs. Restore "
            "them, or run the study again in another folder (--runs)."
        )
