"""F1 of extracted items: entities, relations, event triggers and event arguments.

Micro-F1 over rows: 2 tp / (2 tp + fp + fn), with true and false positives and false negatives summed over rows.
"""

from collections.abc import Callable, Set

from cotune.tally import Tallies, Tally
from cotune.task import Answer
from cotune.tasks.kinds.items import entities_of, events_of, relations_of


def entity_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives one row's part of the entity micro-F1: an entity is right if type, start and end are.

    Repeated mentions count each by itself: the gold has one entity per annotated mention, and the k-th predicted equal
    string is the k-th occurrence in the text, so naming a twice-annotated string once misses one. A string predicted
    more often than it occurs, or that the text lacks, is a false positive each time. (As in the CoNLL-2003 evaluation,
    Tjong Kim Sang and De Meulder, 2003, which counts spans; a generated answer has no spans, hence the rule.)
    """
    wanted, found = entities_of(gold), entities_of(predicted)
    right = len(set(wanted) & set(found))
    return (Tally("", 2 * right, len(wanted) + len(found)),)


def relation_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives one row's part of the relation micro-F1: a triple is right if head, type and tail are, as exact strings.

    Triples are a set: equal ones count once.
    """
    return _set_f1(set(relations_of(gold)), set(relations_of(predicted)))


def event_trigger_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives one row's part of the trigger micro-F1: a trigger is right if its type and its exact string are.

    Triggers are a set of (type, string): two events of one type on equal strings count once. (Trigger classification
    of Li, Ji and Huang, "Joint Event Extraction via Structured Prediction", ACL 2013, on strings instead of offsets.)
    """
    wanted = {(event.type, event.trigger) for event in events_of(gold)}
    return _set_f1(wanted, {(event.type, event.trigger) for event in events_of(predicted)})


def event_argument_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives one row's part of the argument micro-F1: an argument is right if event type, role and exact string are.

    Arguments are a set of (event type, role, string); the trigger may be wrong. (Argument classification of Li, Ji and
    Huang, ACL 2013, on strings instead of offsets.)
    """
    wanted = {(event.type, *argument) for event in events_of(gold) for argument in event.arguments}
    found = {(event.type, *argument) for event in events_of(predicted) for argument in event.arguments}
    return _set_f1(wanted, found)


def malformed_f1(compare: Callable[[Answer, Answer], Tallies]) -> Callable[[Answer], Tallies]:
    """Gives what a malformed output adds to the micro-F1 `compare`: every gold item is missed, one item is wrong."""

    def malformed(gold: Answer) -> Tallies:
        (missed,) = compare(gold, ())
        return (Tally("", 0, missed.denominator + 1),)

    return malformed


def _set_f1(gold: Set[object], predicted: Set[object]) -> Tallies:
    return (Tally("", 2 * len(gold & predicted), len(gold) + len(predicted)),)
