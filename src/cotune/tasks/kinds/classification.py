"""Classification of one text or of a pair; the answer is a label's text."""

from cotune.task import Answer, Row, Task, Template
from cotune.tasks.kinds.format import Content, Format, Layout, Values
from cotune.tasks.kinds.items import text_answer
from cotune.tasks.kinds.values import text_of
from cotune.tasks.labels import are_few, label_of, label_text

_LABEL = ("label", "labels", "intent", "category", "class", "sentiment", "emotion", "gold_label", "target")
_TEXT_A = ("text_a", "premise", "sentence1", "question1", "text1", "sentence_A", "question")
_TEXT_B = ("text_b", "hypothesis", "sentence2", "question2", "text2", "sentence_B", "sentence", "passage")


def read_text(values: Values) -> Content:
    """Reads a text and its label."""
    return Content({"text": text_of(values, "text")}, text_of(values, "label"))


def read_pair(values: Values) -> Content:
    """Reads two texts and their label."""
    return Content({"text_a": text_of(values, "text_a"), "text_b": text_of(values, "text_b")}, text_of(values, "label"))


def names(answer: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives the label of an answer, and no roles."""
    return frozenset([text_answer(answer)]), frozenset()


def write(task: Task, row: Row) -> str:
    """Gives the text of the row's label."""
    return label_text(task.labels, text_answer(row.answer))


def parse(task: Task, _: Row, output: str) -> str:
    """Gives the label that the first line of `output` names, with or without a full stop.

    Raises:
        AnswerError: it names none.
    """
    line = output.strip().split("\n", 1)[0].strip()
    known = {label_text(task.labels, label) for label in task.labels}
    return label_of(task.labels, line if line in known else line.rstrip(" .") or line)


def _template(name: str, texts: tuple[str, ...], prompt: str) -> Template:
    if are_few(texts):
        return Template("Label with one of: {labels}.", prompt + "\nLabel:")
    cue = name.replace("_", " ").replace("{", "{{").replace("}", "}}")
    return Template("", f"{prompt}\n{cue} label:")


def text_template(name: str, texts: tuple[str, ...]) -> Template:
    """Gives the default template of one text; the dataset's name is the cue where labels are too many to list."""
    return _template(name, texts, "Text: {text}")


def pair_template(name: str, texts: tuple[str, ...]) -> Template:
    """Gives the default template of a pair of texts."""
    return _template(name, texts, "First: {text_a}\nSecond: {text_b}")


CLASSIFICATION = Format(
    fields=("text",),
    layouts=(
        Layout(
            {
                "text": ("text", "sentence", "content", "review", "utterance", "question", "tweet", "message", "input"),
                "label": (*_LABEL, "coarse_label", "fine_label"),
            },
            read_text,
        ),
    ),
    names=names,
    template=text_template,
    write=write,
    parse=parse,
    metrics=("accuracy", "macro_f1"),
)

PAIR_CLASSIFICATION = Format(
    fields=("text_a", "text_b"),
    layouts=(Layout({"text_a": _TEXT_A, "text_b": _TEXT_B, "label": _LABEL}, read_pair),),
    names=names,
    template=pair_template,
    write=write,
    parse=parse,
    metrics=("accuracy", "macro_f1"),
)
