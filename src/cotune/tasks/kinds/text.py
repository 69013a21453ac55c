"""Unlabelled text: nothing is asked, the text itself is what is learnt, token by token."""

from cotune.task import Answer, Row, Task, Template
from cotune.tasks.kinds.format import Content, Format, Layout, Values
from cotune.tasks.kinds.items import text_answer
from cotune.tasks.kinds.values import text_of


def read(values: Values) -> Content:
    """Reads a text; it stands for the answer, too, and whatever else the row has is not read."""
    text = text_of(values, "text")
    return Content({"text": text}, text)


def names(_: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives no labels and no roles."""
    return frozenset(), frozenset()


def template(_: str, __: tuple[str, ...]) -> Template:
    """Gives an empty template: a text has no prompt."""
    return Template("", "", empty="")


def write(_: Task, row: Row) -> str:
    """Gives the text as it is."""
    return text_answer(row.answer)


def parse(_: Task, __: Row, output: str) -> str:
    """Gives the output without outer white space."""
    return output.strip()


TEXT = Format(
    fields=("text",),
    layouts=(
        Layout(
            {"text": ("text", "content", "sentence", "document", "abstract", "article", "passage", "body")},
            read,
        ),
    ),
    names=names,
    template=template,
    write=write,
    parse=parse,
    metrics=(),
)
