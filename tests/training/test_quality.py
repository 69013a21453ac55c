"""Quality weighters: a dataset with noise in its labels loses weight."""

import random
from dataclasses import replace

import numpy as np
import pytest
import tiny

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.forest import PACK_TOKENS

QUALITY = ("uncertainty", "uncertainty_optimal", "uncertainty_softmax", "mt_isa")
"""Those that trust a dataset, or a row, by how well the model can predict it."""


def noised(task):
    """The same task with the answers of its train rows dealt out anew."""
    rows = list(task.rows["train"])
    answers = [row.answer for row in rows]
    random.Random(0).shuffle(answers)
    dealt = [replace(row, answer=answer) for row, answer in zip(rows, answers, strict=True)]
    return replace(task, rows={**task.rows, "train": dealt})


TASKS = (tiny.echo_task("clean"), noised(tiny.echo_task("noised")), tiny.group_task())


@pytest.mark.parametrize("name", QUALITY)
def test_a_noised_dataset_loses_weight_in_nine_of_ten_seeds(base, name):
    """Clean and noised rows are of one kind and number, so that without noise their shares would be about the same."""
    train = Train(lr=5e-3, batch_examples=12, max_length=64, balancer=Balance(name))
    budget, lora = Budget(steps=12), Lora(layers="top-2")
    engine = FineTune(base, TASKS, targets=["group"], budget=budget, lora=lora, train=train).engine
    lost = []
    for seed in range(10):
        request = Request(Mixture.of(["clean", "noised"]), seed=seed)
        drawn = engine.plan(request)
        with engine._adapted(seed=seed) as trainee:
            balanced = engine._balanced(request, drawn, trainee, PACK_TOKENS)
            engine._trainer.train(request, drawn, trainee, PACK_TOKENS, balanced)
        weights = balanced.balancing.weights
        shares = np.array(weights["noised"]) / (np.array(weights["noised"]) + np.array(weights["clean"]))
        lost.append(shares[-3:].mean() < 0.45)
    assert sum(lost) >= 9
