"""Accuracy and macro-F1 of labels."""

from cotune.tally import Tallies, Tally
from cotune.task import Answer
from cotune.tasks.kinds.items import text_answer


def accuracy(gold: Answer, predicted: Answer) -> Tallies:
    """Gives 1 for the right label, else 0; the score is the share of right rows."""
    return (Tally("", float(gold == predicted), 1),)


def macro_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives one row's part of each label's F1; the score is the mean over labels in gold or predictions."""
    wanted, found = text_answer(gold), text_answer(predicted)
    if wanted == found:
        return (Tally(wanted, 2, 2),)
    return (Tally(wanted, 0, 1), Tally(found, 0, 1))


def malformed_macro_f1(gold: Answer) -> Tallies:
    """Gives the part of a row whose output names no label: its gold label is missed."""
    return (Tally(text_answer(gold), 0, 1),)
