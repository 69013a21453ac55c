"""Losses of answer tokens: each task's rows by its own loss, times the weight of the task."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import torch
from torch.nn.functional import cross_entropy

from cotune.training.decoder import Decoder, gold
from cotune.training.example import Example
from cotune.training.loss.center import center
from cotune.training.loss.choice import BY_BATCH, BY_STAKES, LASTING
from cotune.training.loss.contrastive import contrastive
from cotune.training.loss.cost_sensitive import cost_sensitive
from cotune.training.loss.focal import focal
from cotune.training.loss.hard_negatives import hard_negatives
from cotune.training.loss.judged import judged, scores_of
from cotune.training.loss.label_smoothing import label_smoothing
from cotune.training.loss.lasting import Lasting
from cotune.training.loss.multi_similarity import multi_similarity
from cotune.training.loss.numeric_mae import numeric_mae
from cotune.training.loss.preference import own_scores, preference, sureness
from cotune.training.loss.scoreq import apart, scoreq
from cotune.training.loss.soft_mining import soft_mining
from cotune.training.loss.squentropy import squentropy
from cotune.training.loss.stakes import Stakes
from cotune.training.loss.z_loss import z_loss
from cotune.training.settings import Train

Pack = tuple[Sequence[Example], torch.Tensor]
"""Examples and the loss of each of their answer tokens, [answer token], with its graph."""

COMPARED: Mapping[str, Callable[..., torch.Tensor]] = MappingProxyType(
    {"multi_similarity": multi_similarity, "contrastive": contrastive, "soft_mining": soft_mining}
)
"""Losses that compare rows by their labels alone."""

NO_STAKES: Mapping[str, Stakes] = MappingProxyType({})


def pack_losses(
    decoder: Decoder,
    packs: Iterable[Sequence[Example]],
    train: Train,
    stakes: Mapping[str, Stakes] = NO_STAKES,
    lasting: Lasting | None = None,
) -> Iterator[Pack]:
    """Yields packs with the losses of their answer tokens, one by one; as one where a loss compares their rows.

    Such a loss holds the graphs of all packs, so it takes the memory of a whole batch. `lasting` sees that batch; who
    owns it moves it.
    """
    packs = list(packs)
    if not any(train.loss_of(example.task) in BY_BATCH for pack in packs for example in pack):
        for pack in packs:
            yield pack, answer_token_losses(decoder.logits(pack), pack, train, stakes)
        return
    read = [decoder.read_states(pack) for pack in packs]
    examples = [example for pack in packs for example in pack]
    logits, states = (torch.cat(parts) for parts in zip(*read, strict=True))
    if lasting is not None:
        lasting.see(examples, states, train)
    yield examples, answer_token_losses(logits, examples, train, stakes, states, lasting)


def weighted_losses(
    logits: torch.Tensor, examples: Sequence[Example], train: Train, stakes: Mapping[str, Stakes] = NO_STAKES
) -> torch.Tensor:
    """Gives the loss of each answer token of a pack, times the weight of its task, each with its task's loss."""
    return token_weights(examples, train, logits.device) * answer_token_losses(logits, examples, train, stakes)


def token_weights(examples: Sequence[Example], train: Train, device: torch.device) -> torch.Tensor:
    """Gives the weight of each answer token's task, [answer token]."""
    return torch.tensor(weights_of(examples, train), device=device)


def weights_of(examples: Sequence[Example], train: Train) -> list[float]:
    """Gives the same as plain numbers, which is cheaper to put together from several packs."""
    return [train.weight(each.task) for each in examples for _ in each.answer]


def answer_token_losses(
    logits: torch.Tensor,
    examples: Sequence[Example],
    train: Train,
    stakes: Mapping[str, Stakes] = NO_STAKES,
    states: torch.Tensor | None = None,
    lasting: Lasting | None = None,
) -> torch.Tensor:
    """Gives the loss of each answer token of a pack, [answer token], each with its task's loss.

    Logits are [answer token, vocabulary], `stakes` those of tasks whose losses need them, `states` [example, hidden],
    `lasting` one that has seen these.
    """
    owners = [example.task for example in examples for _ in example.answer]
    losses = logits.new_zeros(len(owners), dtype=torch.float32)
    for name in _grouped(owners, train):
        mine = torch.tensor([_group(owner, train) == name for owner in owners], device=logits.device)
        rows = [place for place, example in enumerate(examples) if _group(example.task, train) == name]
        part = logits if mine.all() else logits[mine]
        kept = [examples[place] for place in rows]
        seen = None if states is None else states[rows]
        losses = losses.masked_scatter(mine, _part_losses(part.float(), kept, train, stakes, seen, lasting))
    return losses


def _group(task: str, train: Train) -> str:
    """Gives a name that tasks share whose rows may be measured together: those with the same plain loss."""
    loss = train.loss_of(task)
    alone = loss in BY_STAKES or loss in BY_BATCH or train.options_of(task)
    return f"{loss} of {task}" if alone else loss


def _grouped(owners: Sequence[str], train: Train) -> list[str]:
    return sorted({_group(owner, train) for owner in owners})


def _part_losses(
    logits: torch.Tensor,
    examples: Sequence[Example],
    train: Train,
    stakes: Mapping[str, Stakes],
    states: torch.Tensor | None,
    lasting: Lasting | None,
) -> torch.Tensor:
    """Gives the losses of rows that have one loss with the same options, [answer token]."""
    task = examples[0].task
    loss, options = train.loss_of(task), train.options_of(task)
    answers = gold(examples, logits.device)
    if loss == "label_smoothing":
        return label_smoothing(logits, answers, smoothing=train.smoothing)
    if loss == "focal":
        return focal(logits, answers, gamma=train.focal_gamma)
    if loss == "squentropy":
        return squentropy(logits, answers)
    if loss == "z_loss":
        return z_loss(logits, answers, **options)
    if loss in BY_STAKES - BY_BATCH:
        measure = cost_sensitive if loss == "cost_sensitive" else numeric_mae
        return measure(logits, examples, stakes[task])
    entropy = cross_entropy(logits, answers, reduction="none")
    if loss not in BY_BATCH or states is None:  # a pass over a part of a batch has no states
        return entropy
    share = options.pop("share")
    if loss in LASTING:
        if lasting is None:  # a pass that is no step of a training keeps nothing
            return entropy
        each = _lasting(loss, options, examples, states.float(), lasting)
    else:
        each = _compared(loss, options, entropy, examples, stakes, states.float())
    sizes = torch.tensor([len(example.answer) for example in examples], device=logits.device)
    return (1 - share) * entropy + share * each.repeat_interleave(sizes)


def _lasting(
    loss: str, options: Mapping[str, float], examples: Sequence[Example], states: torch.Tensor, lasting: Lasting
) -> torch.Tensor:
    """Gives what each row costs beside what was kept of steps before, [example]."""
    if loss == "center":
        return center(states, lasting.centers.of(examples))
    labels, beside = _labels(examples, states.device), lasting.negatives.of(examples)
    return hard_negatives(states, labels, beside, temperature=options["temperature"])


def _compared(
    loss: str,
    options: Mapping[str, float],
    entropy: torch.Tensor,
    examples: Sequence[Example],
    stakes: Mapping[str, Stakes],
    states: torch.Tensor,
) -> torch.Tensor:
    """Gives what each row costs beside the others, [example]; `entropy` is that of its answer tokens."""
    labels = _labels(examples, states.device)
    if loss in COMPARED:
        return COMPARED[loss](states, labels, **options)
    known = stakes[examples[0].task]
    if loss == "scoreq":
        return scoreq(states, apart(examples, known).to(states), **options)
    if loss == "judged":
        return judged(states, scores_of(examples, known).to(states), labels, **options)
    return preference(own_scores(entropy, examples), labels, sureness(examples, known).to(states), **options)


def _labels(examples: Sequence[Example], device: torch.device) -> torch.Tensor:
    """Gives numbers that are the same for rows with the same answer, [example]."""
    place = {answer: index for index, answer in enumerate(dict.fromkeys(example.answer for example in examples))}
    return torch.tensor([place[example.answer] for example in examples], device=device)


def total_weight(examples: Sequence[Example], train: Train) -> float:
    """Gives what a batch's weighted losses are divided by: its answer tokens, each times the weight of its task."""
    return sum(train.weight(example.task) * len(example.answer) for example in examples)


def pace(examples: Sequence[Example], train: Train) -> float:
    """Gives the factor on the learning rate of a batch: the mean over its weighted answer tokens of their tasks' `lr`.

    Together with the factor in a task's weight, a plain gradient step moves by the sum over tasks of lr x gradient. An
    optimiser that scales gradients itself, as AdamW, keeps the tasks' shares in a step and its length on average.
    """
    if all(train.rate_of(example.task) == 1 for example in examples):
        return 1.0
    plain = sum(train.importance(each.task) * len(each.answer) for each in examples)
    return total_weight(examples, train) / plain
