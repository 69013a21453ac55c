"""Classification by likelihood: the label whose text, with its end, the model finds most likely after the prompt."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from cotune.training.decoder import Decoder, Reading
from cotune.training.example import Example


def read_labels(
    decoder: Decoder, examples: Sequence[Example], labels: Sequence[tuple[int, ...]], *, limit: int
) -> list[Reading]:
    """Gives the losses on each example's gold label and, as its output, the most likely label; of equal ones the first.

    The likelihood of a label is that of all its tokens and the end of the answer, so labels of any length compare, and
    a label that begins another is no special case. The labels of a row share the work on its prompt.
    """
    read = decoder.read([choice for example in examples for choice in choices(example, labels)], limit=limit)
    return most_likely(examples, labels, read)


def most_likely(
    examples: Sequence[Example], labels: Sequence[tuple[int, ...]], read: Sequence[Reading]
) -> list[Reading]:
    """Gives what `read_labels` gives, from what was read of the choices of all examples, one after another."""
    readings = iter(read)
    best = []
    for example in examples:
        read_of = {choice.answer: next(readings).losses for choice in choices(example, labels)}
        winner = min(labels, key=lambda label: float(read_of[label].sum()))
        best.append(Reading(read_of[example.answer], winner))
    return best


def choices(example: Example, labels: Sequence[tuple[int, ...]]) -> list[Example]:
    """Gives one example for the gold answer and for each other label, all on the prompt of `example`."""
    cuts = (*example.cuts, len(example.prompt))
    answers = dict.fromkeys([example.answer, *labels])
    return [replace(example, answer=answer, cuts=cuts) for answer in answers]


def probabilities(
    decoder: Decoder, examples: Sequence[Example], labels: Sequence[tuple[int, ...]], *, limit: int
) -> torch.Tensor:
    """Gives how likely each label is among all, [example, label]: the softmax of what `read_labels` compares."""
    asked = [
        replace(example, answer=label, cuts=(*example.cuts, len(example.prompt)))
        for example in examples
        for label in labels
    ]
    losses = [reading.losses.double().sum() for reading in decoder.read(asked, limit=limit)]
    return (-torch.stack(losses)).view(len(examples), len(labels)).softmax(dim=1)
