"""Elements: what a model names in the texts of a classification, as questions, as context and as datasets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter

from cotune.task import Row, Split, Task, check_name
from cotune.tasks.folder import DESCRIPTION
from cotune.tasks.kinds import FORMATS
from cotune.tasks.labels import label_text
from cotune.tasks.rendering import candidates
from cotune.tasks.template import fill

ELEMENTS = ("aspect", "opinion")
"""What the paper asks for."""

QUESTION = "Name the {element} in this text, in a few words."
HINT = "The label of this text is {label}. Name the {element} that shows it, in a few words."
AGAIN = "The label of this text is {label}, which the {element} '{said}' does not show. Name one that does."
CONTEXT = "{element}: {said}"
"""A line below the text when the model is asked for the label."""


@dataclass(frozen=True)
class Item:
    """The elements that were kept for a row, by name, and how likely the gold label is with them.

    `is_shown` tells whether it is the most likely label; `round` is the one they were made in, 0 without the label.
    """

    row: Row
    elements: Mapping[str, str]
    confidence: float
    is_shown: bool
    round: int = 0


def check_elements(task: Task, elements: Sequence[str]) -> None:
    """Checks that elements can be named in the rows of `task`, and each in a dataset of its own.

    Raises:
        ValueError: the task is no classification with labels to choose from, or the elements are none, empty or equal.
    """
    if len(candidates(task)) < 2:
        raise ValueError(
            f"Dataset {task.name!r} is of kind {task.kind} with {len(task.labels)} labels; elements are judged by how "
            "likely they make a row's label, so it must be a classification with two or more."
        )
    names = [element_dataset(task, element) for element in elements]
    if not names or not all(element.strip() for element in elements) or len(set(names)) < len(names):
        raise ValueError(f"Elements are one or more different words, as aspect and opinion; got {list(elements)}.")
    for name in names:
        check_name(name)


def element_dataset(task: Task, element: str) -> str:
    """Gives the name of the dataset of an element.

    >>> element_dataset(Task("reviews"), "point of view")
    'reviews-point-of-view'
    """
    return "-".join([task.name, *element.split()])


def text_of(task: Task, row: Row) -> str:
    """Gives the text of a row, of a pair one below the other."""
    return "\n".join(row.fields[name] for name in FORMATS[task.kind].fields)


def question(element: str, text: str) -> str:
    """Gives the question for an element of a text, as its dataset asks it, too."""
    return f"{fill(QUESTION, {'element': element})}\n{text}"


def question_again(task: Task, row: Row, element: str, said: str) -> str:
    """Gives the question that tells the row's label, and what was `said` before if that was anything."""
    values = {"element": element, "label": label_text(task.labels, str(row.answer)), "said": said}
    return f"{fill(AGAIN if said else HINT, values)}\n{text_of(task, row)}"


def with_elements(task: Task, row: Row, elements: Mapping[str, str]) -> Row:
    """Gives the row with its elements below the last field that the prompt names; empty ones are left out."""
    named = [name for _, name, _, _ in Formatter().parse(task.template.prompt) if name and name in row.fields]
    lines = [
        fill(CONTEXT, {"element": name.capitalize(), "said": said}) for name, said in elements.items() if said.strip()
    ]
    text = "\n".join([row.fields[named[-1]], *lines])
    return replace(row, fields={**row.fields, named[-1]: text})


def write_elements(
    folder: Path, task: Task, element: str, items: Mapping[Split, Sequence[Item]], about: Mapping[str, object]
) -> dict[Split, int]:
    """Writes an element's dataset in the plain format and gives its rows by split; `about` goes into its description.

    A row is the instruction, the text, the element and the confidence. Rows without the element are left out.

    Raises:
        ValueError: no row of a split has it.
    """
    kept = {split: [item for item in rows if item.elements[element]] for split, rows in items.items()}
    empty = [split for split, rows in kept.items() if not rows]
    if empty:
        raise ValueError(
            f"The model named no {element!r} in any {empty[0]} row of {task.name!r}. Ask for another --element, more "
            "--rows, or another --model."
        )
    name = element_dataset(task, element)
    counts = {split: len(rows) for split, rows in kept.items()}
    card = {"name": name, "task": "generation", "domain": task.domain, "license": task.licence, "counts": counts}
    folder.mkdir()
    text = json.dumps({**card, **about, "element": element}, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    for split, rows in kept.items():
        lines = "".join(f"{json.dumps(_record(task, element, item), ensure_ascii=False)}\n" for item in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8", newline="\n")
    return counts


def _record(task: Task, element: str, item: Item) -> dict[str, object]:
    return {
        "id": item.row.id,
        "instruction": fill(QUESTION, {"element": element}),
        "input": text_of(task, item.row),
        "output": item.elements[element],
        "confidence": round(item.confidence, 6),
    }
