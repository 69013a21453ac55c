"""Losses of rows by the model's own forward pass and torch's cross-entropy, row by row: what ours must equal."""

import torch
from torch.nn.functional import cross_entropy


def row_loss(module, example):
    """Gives the mean loss of an example per answer token."""
    with torch.no_grad():
        logits = module(input_ids=torch.tensor([example.ids])).logits[0]
    told = logits[len(example.prompt) - 1 : -1]  # what comes after each token but the last
    return float(cross_entropy(told.double(), torch.tensor(example.answer)))


def task_loss(module, examples):
    """Gives the mean loss of a task's rows per answer token: a long answer counts more than a short one."""
    tokens = [len(example.answer) for example in examples]
    means = [row_loss(module, example) for example in examples]
    return sum(count * mean for count, mean in zip(tokens, means, strict=True)) / sum(tokens)
