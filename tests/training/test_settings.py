"""Settings refuse what makes no sense, and say what would."""

import pytest

from cotune.training import Budget, Lora, Scoring, SizePolicy, TaskTrain, Train


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Budget(), "exactly one of tokens, examples, steps, epochs"),
        (lambda: Budget(tokens=5, steps=5), "exactly one"),
        (lambda: Budget(steps=0), "positive"),
        (lambda: SizePolicy("even"), "size_policy is one of"),
        (lambda: SizePolicy("temperature", temperature=0), "positive"),
        (lambda: Lora(layers="bottom-2"), "'all' or 'top-N'"),
        (lambda: Lora(layers="top-0"), "'all' or 'top-N'"),
        (lambda: Lora(rank=0), "positive"),
        (lambda: Lora(dropout=1.0), "dropout"),
        (lambda: Lora(modules=()), "at least one module"),
        (lambda: Lora(modules="q_proj"), "all-linear"),
        (lambda: Train(lr=float("nan")), "positive and finite"),
        (lambda: Train(lr=-1.0), "positive"),
        (lambda: Train(batch_tokens=64, batch_examples=8), "Keep one"),
        (lambda: Train(schedule="step"), "train.schedule is one of"),
        (lambda: Train(max_length=4), "max_length"),
        (lambda: Train(warmup=-0.1), "warmup"),
        (lambda: Train(betas=(1.0, 0.9)), "betas"),
        (lambda: Train(weights={"a": 0}), "weights"),
        (lambda: TaskTrain(loss="hinge"), "loss is one of"),
        (lambda: TaskTrain(draw=0), "positive"),
        (lambda: Scoring(dev_rows=0), "positive"),
        (lambda: Scoring(classify="vote"), "classify is one of"),
        (lambda: Scoring(row_seed=-1), "row_seed"),
    ],
)
def test_a_mistake_is_refused_with_the_rule(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_one_task_does_differently():
    train = Train(weights={"a": 2.0}, overrides={"a": TaskTrain(weight=3.0, loss="focal", max_length=32)})
    assert (train.weight("a"), train.loss_of("a"), train.length_of("a")) == (6.0, "focal", 32)
    assert (train.weight("b"), train.loss_of("b"), train.length_of("b")) == (1.0, "cross_entropy", 256)


def test_layers_count_from_the_top():
    assert Lora(layers="all").top is None
    assert Lora(layers="top-12").top == 12
