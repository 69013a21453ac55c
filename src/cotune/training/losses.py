"""Losses of answer tokens: cross-entropy, label smoothing, focal."""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy

from cotune.training.decoder import gold
from cotune.training.example import Example
from cotune.training.settings import Loss, Train


def token_losses(logits: torch.Tensor, answers: torch.Tensor, *, loss: Loss, train: Train) -> torch.Tensor:
    """Gives the loss of each answer token, [answer token]; logits are [answer token, vocabulary].

    Label smoothing mixes the gold token with the uniform distribution (Szegedy et al. 2016, "Rethinking the Inception
    Architecture for Computer Vision", section 7). The focal loss is (1 - q)^gamma * -log q for the gold token's
    probability q (Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4).
    """
    if loss == "label_smoothing":
        return cross_entropy(logits, answers, reduction="none", label_smoothing=train.smoothing)
    entropy = cross_entropy(logits, answers, reduction="none")
    if loss == "focal":
        return (1 - torch.exp(-entropy)) ** train.focal_gamma * entropy
    return entropy


def weighted_losses(logits: torch.Tensor, examples: Sequence[Example], train: Train) -> torch.Tensor:
    """Gives the loss of each answer token of a pack, times the weight of its task, each with its task's loss."""
    weights = [train.weight(example.task) for example in examples for _ in example.answer]
    return torch.tensor(weights, device=logits.device) * answer_token_losses(logits, examples, train)


def answer_token_losses(logits: torch.Tensor, examples: Sequence[Example], train: Train) -> torch.Tensor:
    """Gives the loss of each answer token of a pack, [answer token], each with its task's loss."""
    answers = gold(examples, logits.device)
    owners = [example.task for example in examples for _ in example.answer]
    losses = logits.new_zeros(len(owners), dtype=torch.float32)
    for kind in sorted({train.loss_of(name) for name in owners}):
        mine = torch.tensor([train.loss_of(name) == kind for name in owners], device=logits.device)
        part = logits if mine.all() else logits[mine]
        losses = losses.masked_scatter(mine, token_losses(part.float(), answers[mine], loss=kind, train=train))
    return losses


def total_weight(examples: Sequence[Example], train: Train) -> float:
    """Gives what a batch's weighted losses are divided by: its answer tokens, each times the weight of its task."""
    return sum(train.weight(example.task) * len(example.answer) for example in examples)
