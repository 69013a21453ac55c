"""Events with triggers and arguments; answers are `Type: trigger | role: text | role: text; Type: trigger`."""

from cotune.task import Answer, Event, Row, Task, Template
from cotune.tasks.kinds.format import AnswerError, Content, Format, Layout, Values
from cotune.tasks.kinds.items import events_of
from cotune.tasks.kinds.values import objects_of, text_of
from cotune.tasks.labels import are_few, label_of, label_text
from cotune.tasks.marks import FIELD_MARK, NAME_MARK, answer_line, mark_escaped, split_items, write_answer
from cotune.tasks.spans import first_place, flat


def read_events(values: Values) -> Content:
    """Reads a text with events, each with type, trigger and arguments (role, text); strings stand in the text."""
    text = text_of(values, "text")
    events = [_event(flat(text), item) for item in objects_of(values, "events")]
    return Content({"text": text}, in_order(text, events))


def _event(text: str, item: Values) -> Event:
    raw = objects_of(item, "arguments") if item.get("arguments") else []
    arguments = tuple((text_of(argument, "role"), flat(text_of(argument, "text"))) for argument in raw)
    trigger = flat(text_of(item, "trigger"))
    for string in (trigger, *(string for _, string in arguments)):
        if string not in text:
            raise ValueError(f"triggers and arguments are substrings of the text; {string!r} is not")
    return Event(text_of(item, "type"), trigger, arguments)


def in_order(text: str, events: list[Event]) -> tuple[Event, ...]:
    """Gives each event once, by where its trigger first stands in the text; its arguments, each once, likewise."""
    plain = flat(text)
    ordered = {
        Event(
            event.type,
            event.trigger,
            tuple(sorted(set(event.arguments), key=lambda item: (first_place(plain, item[1]), item))),
        )
        for event in events
    }
    return tuple(sorted(ordered, key=lambda event: (first_place(plain, event.trigger), event)))


def names(answer: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives the types and the roles of an answer."""
    events = events_of(answer)
    roles = frozenset(role for event in events for role, _ in event.arguments)
    return frozenset(event.type for event in events), roles


def template(_: str, texts: tuple[str, ...]) -> Template:
    """Gives the default template; types are listed if they are few."""
    return Template("Event types: {labels}." if are_few(texts) else "", "Text: {text}\nEvents:")


def write(task: Task, row: Row) -> str:
    """Gives the events in the order of their triggers."""
    marks = (task.template.separator, FIELD_MARK, NAME_MARK)
    items = []
    for event in events_of(row.answer):
        pairs = [(label_text(task.labels, event.type), event.trigger)]
        pairs += [(label_text(task.roles, role), string) for role, string in event.arguments]
        items.append(FIELD_MARK.join(NAME_MARK.join(mark_escaped(part, marks) for part in pair) for pair in pairs))
    return write_answer(items, task.template.separator, task.template.empty)


def parse(task: Task, row: Row, output: str) -> tuple[Event, ...]:
    """Gives the events that `output` lists, each once.

    Raises:
        AnswerError: an item is not a typed trigger with role-named arguments.
    """
    line = answer_line(output, task.template.separator)
    if line == task.template.empty:
        return ()
    items = split_items(line, [FIELD_MARK, NAME_MARK], task.template.separator)
    return in_order(row.fields["text"], [_parsed(task, parts, marks) for parts, marks in items])


def _parsed(task: Task, parts: list[str], marks: list[str]) -> Event:
    expected = [NAME_MARK if index % 2 == 0 else FIELD_MARK for index in range(len(marks))]
    if len(parts) % 2 or marks != expected or not all(parts):
        raise AnswerError(f"{parts!r} is not 'type: trigger | role: text'")
    arguments = tuple(
        (label_of(task.roles, role), string) for role, string in zip(parts[2::2], parts[3::2], strict=True)
    )
    return Event(label_of(task.labels, parts[0]), parts[1], arguments)


EVENT = Format(
    fields=("text",),
    layouts=(Layout({"text": ("text", "sentence"), "events": ("events", "event_mentions")}, read_events),),
    names=names,
    template=template,
    write=write,
    parse=parse,
    metrics=("event_argument_f1", "event_trigger_f1", "exact_match"),
)
