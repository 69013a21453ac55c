"""Answers by their type: each function takes an answer for what its task's kind says it is."""

from cotune.task import Answer, Entity, Event, Relation


def text_answer(answer: Answer) -> str:
    """Gives the answer of a classification, generation or text row."""
    if isinstance(answer, str):
        return answer
    raise TypeError(f"The answer of a classification, generation or text row is text; got {answer!r}.")


def entities_of(answer: Answer) -> tuple[Entity, ...]:
    """Gives the entities of a ner row's answer."""
    items = () if isinstance(answer, str) else answer
    return tuple(item for item in items if isinstance(item, Entity))


def relations_of(answer: Answer) -> tuple[Relation, ...]:
    """Gives the relations of a relation row's answer."""
    items = () if isinstance(answer, str) else answer
    return tuple(item for item in items if isinstance(item, Relation))


def events_of(answer: Answer) -> tuple[Event, ...]:
    """Gives the events of an event row's answer."""
    items = () if isinstance(answer, str) else answer
    return tuple(item for item in items if isinstance(item, Event))
