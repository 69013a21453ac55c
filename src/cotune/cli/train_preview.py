"""`cotune train --dry-run`: what would be trained and scored."""

from cotune.cli.artefact import budget_words
from cotune.cli.console import Json, print_json, print_table, print_text
from cotune.cli.errors import OK
from cotune.cli.final import Final
from cotune.cli.planned import Planned
from cotune.verdict.wording import title


def preview_training(final: Final, planned: Planned, *, reread_test: bool) -> int:
    """Prints what would be trained and scored, and whether test was read; trains and writes nothing."""
    is_refused = planned.read_on is not None and not reread_test
    trainings: list[Json] = []
    rows = []
    for mixture, cost in final.estimates(planned).items():
        label = title(final.problem, mixture)
        trainings.append({"label": label, "mixture": mixture.to_json(), "tokens": cost.tokens, "steps": cost.steps})
        rows.append([label, f"{cost.tokens:,}", f"{cost.steps:,}"])
    if final.quiet:
        facts: dict[str, Json] = {"out": str(final.out), "training_seed": final.seed, "trainings": trainings}
        facts |= {"split": planned.split, "scored": planned.targets, "refused": is_refused}
        print_json(facts | {"test_read": None if planned.read_on is None else str(planned.read_on)})
        return OK
    if planned.reason:
        print_text(planned.reason)
    print_text(f"Would train, with seed {final.seed} and a budget of {budget_words(final.opened.config)} each:")
    print_table(["trained on", "tokens", "steps"], rows)
    print_text(
        f"\nAll would be scored on {planned.split} of {', '.join(planned.targets)}. {_test(planned, is_refused)}"
    )
    print_text(f"{_places(final, planned)} Nothing was trained.")
    return OK


def _places(final: Final, planned: Planned) -> str:
    """Says what would be written where: anchors are only scored, datasets alone are kept."""
    is_kept = planned.split == "dev" and len(planned.mixtures) > 1
    others = f", the others below {final.out / 'single'}"
    return f"The first would be written to {final.out}{others if is_kept else ''}."


def _test(planned: Planned, is_refused: bool) -> str:
    if planned.split != "test":
        return "Test would stay unread."
    if planned.read_on is None:
        return "Test was not read before."
    return f"Test was read on {planned.read_on}{'; without --reread-test this is refused' if is_refused else ''}."
