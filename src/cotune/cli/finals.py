"""Final trainings: what is shipped and what it is compared with, trained, saved, scored, logged and described."""

from cotune.cli.artefact import write_card
from cotune.cli.conclusion import conclude
from cotune.cli.console import print_text
from cotune.cli.errors import OK
from cotune.cli.final import Final
from cotune.cli.planned import Planned
from cotune.cli.training_record import training_record
from cotune.cli.unfinished import unfinished
from cotune.journal import Journal, JournalView, open_log
from cotune.reporting import entry_scores
from cotune.training.baseline import save_baselines
from cotune.verdict.wording import title


def train_final(final: Final, planned: Planned, view: JournalView, *, reread_test: bool) -> int:
    """Trains the chosen mixture, tests it beside the anchors, and writes adapter, log entry and card.

    Raises:
        ValueError: test was read before.
    """
    if planned.read_on and not reread_test:
        raise ValueError(
            f"The test split was read on {planned.read_on}, and `cotune report` shows the scores. Reading it again to "
            "choose by it makes them optimistic; if you must, say --reread-test, or train without it by --mix."
        )
    if not final.quiet:
        print_text(f"{planned.reason}\nTraining {title(final.problem, planned.chosen)}.")
    with (
        unfinished(final.out) as scratch,
        Journal(view.folder, settings=view.settings, datasets=view.datasets, seed=view.seed) as journal,
    ):
        outcomes = final.train(planned, folders={planned.chosen: scratch})
        entry = training_record(final, outcomes)
        journal.log("test", entry)
        save_baselines(scratch, outcomes[0].baselines)
        write_card(final.opened, final.problem, outcomes[0], scratch, name=final.out.name)
    conclude(final.out, entry, planned.split, as_json=final.quiet)
    return OK


def train_mixture(final: Final, planned: Planned) -> int:
    """Trains mixtures of the user's choice, and writes adapters, log entry and cards.

    Raises:
        ValueError: the study's folder cannot be written.
    """
    log = open_log(final.opened.folder)
    with unfinished(final.out) as scratch:
        alone = {mixture: scratch / "single" / mixture.names[0] for mixture in planned.mixtures[1:]}
        folders = {planned.chosen: scratch} | alone
        outcomes = final.train(planned, folders=folders)
        entry = training_record(final, outcomes)
        log.append("training", entry)
        for outcome in outcomes:
            folder = folders[outcome.mixture]
            save_baselines(folder, outcome.baselines)
            name = final.out.name if folder == scratch else folder.name
            write_card(final.opened, final.problem, outcome, folder, name=name, dev=entry_scores(entry))
    conclude(final.out, entry, planned.split, as_json=final.quiet)
    return OK
