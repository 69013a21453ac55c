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

CLEAN, OTHER, GROUP = tiny.echo_task("clean"), tiny.echo_task("other"), tiny.group_task()


def noised(task):
    """The same task with the answers of its train rows dealt out anew."""
    rows = list(task.rows["train"])
    answers = [row.answer for row in rows]
    random.Random(0).shuffle(answers)
    dealt = [replace(row, answer=answer) for row, answer in zip(rows, answers, strict=True)]
    return replace(task, rows={**task.rows, "train": dealt})


def shares(base, name, other, seeds):
    """Gives what `other` weighs beside the clean dataset at the end of a training, [seed]."""
    train = Train(lr=5e-3, batch_examples=10, max_length=64, balancer=Balance(name))
    options = {"budget": Budget(steps=10), "lora": Lora(layers="top-2"), "train": train}
    engine = FineTune(base, (CLEAN, other, GROUP), targets=["group"], **options).engine
    found = []
    for seed in range(seeds):
        request = Request(Mixture.of(["clean", "other"]), seed=seed)
        drawn = engine.plan(request)
        with engine._adapted(seed=seed) as trainee:
            balanced = engine._guides.balanced(request, drawn, trainee, PACK_TOKENS)
            engine._trainer.train(request, drawn, trainee, PACK_TOKENS, balanced)
        weights = {task: np.mean(line[-3:]) for task, line in balanced.balancing.weights.items()}
        found.append(weights["other"] / sum(weights.values()))
    return np.array(found)


@pytest.mark.parametrize("name", QUALITY)
def test_a_noised_dataset_loses_weight_in_nine_of_ten_seeds(base, name):
    """Rows of both are of one kind and number, so that without noise they would share about alike, as is checked."""
    plain, lost = shares(base, name, OTHER, 2), shares(base, name, noised(OTHER), 10)
    assert (np.abs(plain - 0.5) < 0.1).all()
    assert (lost < plain.min() - 0.01).sum() >= 9
