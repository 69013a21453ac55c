"""Relations between two strings of a text; answers are `head | type | tail; head | type | tail`."""

from cotune.task import Answer, Relation, Row, Task, Template
from cotune.tasks.kinds.format import AnswerError, Content, Format, Layout, Values
from cotune.tasks.kinds.items import relations_of
from cotune.tasks.kinds.values import objects_of, text_of
from cotune.tasks.labels import are_few, label_of, label_text
from cotune.tasks.marks import FIELD_MARK, answer_line, mark_escaped, split_items, write_answer
from cotune.tasks.spans import first_place, flat


def read_relations(values: Values) -> Content:
    """Reads a text with relations, each with head, type and tail; head and tail stand in the text."""
    text = text_of(values, "text")
    relations = [_relation(flat(text), item) for item in objects_of(values, "relations")]
    return Content({"text": text}, in_order(text, relations))


def _relation(text: str, item: Values) -> Relation:
    head, tail = flat(text_of(item, "head")), flat(text_of(item, "tail"))
    for string in (head, tail):
        if string not in text:
            raise ValueError(f"head and tail are substrings of the text; {string!r} is not")
    return Relation(text_of(item, "type"), head, tail)


def in_order(text: str, relations: list[Relation]) -> tuple[Relation, ...]:
    """Gives each relation once, by where head and tail first stand in the text, then by type."""
    plain = flat(text)
    return tuple(
        sorted(set(relations), key=lambda item: (first_place(plain, item.head), first_place(plain, item.tail), item))
    )


def names(answer: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives the types of an answer, and no roles."""
    return frozenset(relation.type for relation in relations_of(answer)), frozenset()


def template(_: str, texts: tuple[str, ...]) -> Template:
    """Gives the default template; types are listed if they are few."""
    return Template("Relation types: {labels}." if are_few(texts) else "", "Text: {text}\nRelations:")


def write(task: Task, row: Row) -> str:
    """Gives the relations in the order of the text."""
    marks = (task.template.separator, FIELD_MARK)
    items = [
        FIELD_MARK.join(
            mark_escaped(part, marks) for part in (relation.head, label_text(task.labels, relation.type), relation.tail)
        )
        for relation in relations_of(row.answer)
    ]
    return write_answer(items, task.template.separator, task.template.empty)


def parse(task: Task, row: Row, output: str) -> tuple[Relation, ...]:
    """Gives the relations that `output` lists, each once.

    Raises:
        AnswerError: an item is not head, known type and tail.
    """
    line = answer_line(output, task.template.separator)
    if line == task.template.empty:
        return ()
    relations = []
    for parts, _ in split_items(line, [FIELD_MARK], task.template.separator):
        if len(parts) != 3 or not all(parts):
            raise AnswerError(f"{FIELD_MARK.join(parts)!r} is not 'head | type | tail'")
        relations.append(Relation(label_of(task.labels, parts[1]), parts[0], parts[2]))
    return in_order(row.fields["text"], relations)


RELATION = Format(
    fields=("text",),
    layouts=(Layout({"text": ("text", "sentence"), "relations": ("relations", "triples")}, read_relations),),
    names=names,
    template=template,
    write=write,
    parse=parse,
    metrics=("relation_f1", "exact_match"),
)
