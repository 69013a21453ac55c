"""Entity recognition: rows with tokens and tags, or with text and spans; answers are `Type: name; Type: name`."""

from collections.abc import Iterable, Iterator, Sequence

from cotune.task import Answer, Entity, Row, Task, Template
from cotune.tasks.kinds.format import AnswerError, Content, Format, Layout, Values
from cotune.tasks.kinds.items import entities_of
from cotune.tasks.kinds.values import list_of, objects_of, text_of, texts_of
from cotune.tasks.labels import are_few, label_of, label_text
from cotune.tasks.marks import NAME_MARK, answer_line, mark_escaped, split_items, write_answer
from cotune.tasks.spans import flat, locate


def read_tags(values: Values) -> Content:
    """Reads tokens with IOB2 (or BIOES, BILOU, IO) tags; the text is the tokens joined by one space."""
    tokens, tags = texts_of(values, "tokens"), texts_of(values, "tags")
    if len(tokens) != len(tags):
        raise ValueError(f"there are as many tags as tokens; found {len(tokens)} tokens and {len(tags)} tags")
    if not "".join(tokens).strip():
        raise ValueError("column 'tokens' is empty; give the row a text or remove it")
    return Content({"text": " ".join(tokens)}, in_order(_tagged(tokens, tags)))


def _tagged(tokens: Sequence[str], tags: Sequence[str]) -> Iterator[Entity]:
    open_entity: Entity | None = None
    position = 0
    for token, tag in zip(tokens, tags, strict=True):
        end = position + len(token)
        prefix, _, kind = tag.partition("-")
        if tag not in ("O", "") and (prefix not in set("BIESLU") or not kind):
            raise ValueError(f"a tag is 'O', or 'B-' or 'I-' before a type; found {tag!r}")
        if open_entity and (prefix not in set("IEL") or kind != open_entity.type):
            yield open_entity
            open_entity = None
        if kind:
            open_entity = Entity(kind, open_entity.start if open_entity else position, end)
        position = end + 1
    if open_entity:
        yield open_entity


def in_order(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Gives entities by start, then end, then type."""
    return tuple(sorted(entities, key=lambda entity: (entity.start, entity.end, entity.type)))


def read_spans(values: Values) -> Content:
    """Reads a text with spans, each with start, end and type (also named label); the text stays as it is."""
    raw = values.get("text")
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(f"column 'text' is a text that is not empty; found {str(raw)[:60]!r}")
    spans = [_span(raw, item) for item in _span_objects(values)]
    return Content({"text": raw}, in_order(set(spans)))


def _span_objects(values: Values) -> list[Values]:
    raw = values.get("spans")
    if isinstance(raw, Sequence) and all(isinstance(item, list | tuple) and len(item) == 3 for item in raw):
        return [dict(zip(("start", "end", "type"), list_of({"span": item}, "span"), strict=True)) for item in raw]
    return objects_of(values, "spans")


def _span(text: str, item: Values) -> Entity:
    start, end = item.get("start"), item.get("end")
    kind = text_of(
        {"type": next((item[name] for name in ("type", "label", "entity_type") if name in item), None)}, "type"
    )
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise ValueError(f"a span has 0 <= start < end <= {len(text)} (the text's length); found {start!r} and {end!r}")
    name = text[start:end]
    if not name.strip():
        raise ValueError(f"a span holds more than spaces; found characters {start} to {end}")
    return Entity(kind, start + len(name) - len(name.lstrip()), end - len(name) + len(name.rstrip()))


def names(answer: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives the types of an answer, and no roles."""
    return frozenset(entity.type for entity in entities_of(answer)), frozenset()


def template(_: str, texts: tuple[str, ...]) -> Template:
    """Gives the default template: the type as the cue if there is one type, else the types listed if they are few."""
    if len(texts) == 1:
        return Template("", "Text: {text}\n" + texts[0].replace("{", "{{").replace("}", "}}") + ":")
    return Template("Entity types: {labels}." if are_few(texts) else "", "Text: {text}\nEntities:")


def write(task: Task, row: Row) -> str:
    """Gives the names in the order of the text, each after its type unless the task has one type only."""
    text, separator = flat(row.fields["text"]), task.template.separator
    marks = _marks(task)
    items = []
    for entity in entities_of(row.answer):
        name = mark_escaped(text[entity.start : entity.end], marks)
        kind = mark_escaped(label_text(task.labels, entity.type), marks)
        items.append(kind + NAME_MARK + name if _has_types(task) else name)
    return write_answer(items, separator, task.template.empty)


def parse(task: Task, row: Row, output: str) -> tuple[Entity, ...]:
    """Gives the entities that `output` lists, located in the row's text (see `locate`).

    A string that the text lacks is kept as an entity from -1 to -1, so that metrics count it as wrong.

    Raises:
        AnswerError: an item is empty or has no known type.
    """
    line = answer_line(output, task.template.separator)
    if line == task.template.empty:
        return ()
    kinds, strings = [], []
    for parts, _ in split_items(line, _marks(task)[1:], task.template.separator):
        if not all(parts) or len(parts) != 1 + _has_types(task):
            raise AnswerError(f"{NAME_MARK.join(parts)!r} is not one typed name")
        kinds.append(label_of(task.labels, parts[0]) if _has_types(task) else task.labels[0])
        strings.append(parts[-1])
    spans = locate(flat(row.fields["text"]), strings)
    return in_order(Entity(kind, *span) for kind, span in zip(kinds, spans, strict=True))


def _has_types(task: Task) -> bool:
    return len(task.labels) != 1


def _marks(task: Task) -> tuple[str, ...]:
    return (task.template.separator, NAME_MARK) if _has_types(task) else (task.template.separator,)


NER = Format(
    fields=("text",),
    layouts=(
        Layout({"tokens": ("tokens", "words"), "tags": ("tags", "ner_tags", "ner", "labels")}, read_tags),
        Layout({"text": ("text", "sentence"), "spans": ("spans", "entities")}, read_spans),
    ),
    names=names,
    template=template,
    write=write,
    parse=parse,
    metrics=("entity_f1", "exact_match"),
)
