"""Losses against hand-computed values; weights act on gradients in their proportion."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.task import Row, Task, Template
from cotune.training import Budget, FineTune, Lora, TaskTrain, Train
from cotune.training.example import Example
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loss.choice import BY_BATCH, BY_COST, BY_NUMBER, BY_STAKES, LOSSES, OPTIONS
from cotune.training.loss.contrastive import contrastive
from cotune.training.loss.cost_sensitive import cost_sensitive, cost_stakes
from cotune.training.loss.focal import focal
from cotune.training.loss.multi_similarity import multi_similarity
from cotune.training.loss.numeric_mae import numeric_mae, numeric_stakes
from cotune.training.loss.soft_mining import soft_mining
from cotune.training.losses import answer_token_losses, pace, total_weight, weighted_losses
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk

PROBABILITIES = [[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]]
LOGITS = torch.log(torch.tensor(PROBABILITIES))
ROW = Example("t", "0", (5,), (0, 2))
CHEAP = Train(lr=5e-3, batch_examples=8, max_length=96)


def z_score(values, place):
    return (values[place] - np.mean(values)) / np.std(values)


def softplus(x):
    return math.log1p(math.exp(x))


LOGS = np.log(np.array(PROBABILITIES))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("cross_entropy", [-math.log(0.7), -math.log(0.25)]),
        ("focal", [0.3**2 * -math.log(0.7), 0.75**2 * -math.log(0.25)]),
        (
            "label_smoothing",
            [
                -0.7 * math.log(0.7) - 0.3 * (math.log(0.7) + math.log(0.2) + math.log(0.1)) / 3,
                -0.7 * math.log(0.25) - 0.3 * (math.log(0.25) + math.log(0.5) + math.log(0.25)) / 3,
            ],
        ),
        (
            "squentropy",
            [
                -math.log(0.7) + (math.log(0.2) ** 2 + math.log(0.1) ** 2) / 2,
                -math.log(0.25) + (math.log(0.25) ** 2 + math.log(0.5) ** 2) / 2,
            ],
        ),
        ("z_loss", [softplus(2 * (1.5 - z_score(LOGS[0], 0))) / 2, softplus(2 * (1.5 - z_score(LOGS[1], 2))) / 2]),
    ],
)
def test_a_loss_of_tokens_equals_its_formula(loss, expected):
    options = {"sharpness": 2.0, "location": 1.5} if loss == "z_loss" else {}
    train = Train(loss=loss, smoothing=0.3, focal_gamma=2.0, loss_options=options)
    assert answer_token_losses(LOGITS, [ROW], train).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_z_loss_knows_neither_shift_nor_scale():
    train = Train(loss="z_loss")
    moved = answer_token_losses(3 * LOGITS + 7, [ROW], train)
    torch.testing.assert_close(moved, answer_token_losses(LOGITS, [ROW], train), atol=1e-5, rtol=1e-5)


ANSWERS = ((1, 2, 0), (1, 3, 0), (4, 0))  # "low", "mid", "high": two begin alike
CHANCES = [[0.1, 0.6, 0.0, 0.1, 0.2], [0.1, 0.1, 0.5, 0.3, 0.0], [0.8, 0.05, 0.05, 0.05, 0.05]]


def along(example):
    """The logits along an answer that follow CHANCES."""
    return torch.log(torch.tensor(CHANCES[: len(example.answer)]).clamp(min=1e-9))


def test_costs_of_labels_against_a_value_by_hand():
    low = Example("t", "0", (5,), ANSWERS[0])
    costs = {"low": {"mid": 0.5, "high": 2.0}}
    stakes = cost_stakes(("low", "mid", "high"), ANSWERS, costs)
    right, mid, high = 0.6 * 0.5 * 0.8, 0.6 * 0.3, 0.2
    gain = right + (1 - 0.5 / 2) * mid + 0 * high
    losses = cost_sensitive(along(low), [low], stakes)
    assert losses.tolist() == pytest.approx([-math.log(gain) / 3] * 3, rel=1e-5)


def test_costs_of_one_are_the_cross_entropy():
    stakes = cost_stakes(("low", "mid", "high"), ANSWERS, {})
    rows = [Example("t", str(place), (5,), answer) for place, answer in enumerate(ANSWERS)]
    logits = torch.randn(sum(len(row.answer) for row in rows), 6, generator=torch.Generator().manual_seed(1))
    entropy = answer_token_losses(logits, rows, Train())
    sums = [part.sum() for part in entropy.split([3, 3, 2])]
    found = [part.sum() for part in cost_sensitive(logits, rows, stakes).split([3, 3, 2])]
    torch.testing.assert_close(torch.stack(found), torch.stack(sums), atol=1e-5, rtol=1e-5)


def test_a_label_that_seems_impossible_still_has_a_loss_and_a_slope():
    stakes = cost_stakes(("low", "mid", "high"), ANSWERS, {"low": {"mid": 0.5}})
    logits = torch.tensor([[0, 0, 0, 0, 300.0], [0, 0, 0, 300.0, 0], [0, 0, 0, 0, 0]], requires_grad=True)
    losses = cost_sensitive(logits, [Example("t", "0", (5,), ANSWERS[0])], stakes)
    (slope,) = torch.autograd.grad(losses.sum(), logits)
    assert torch.isfinite(losses).all()
    assert torch.isfinite(slope).all()
    assert slope[0, 1] < 0 < slope[0, 4]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_focal_loss_of_what_is_certain_has_a_slope(gamma):
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(focal(logits, torch.tensor([0]), gamma=gamma).sum(), logits)
    assert slope.tolist() == [[0.0, 0.0]]


def test_distances_of_numbers_against_a_value_by_hand():
    rows = [ANSWERS[0]] * 6 + [ANSWERS[1]] * 2 + [ANSWERS[2]] * 2  # 1, 2 and 5: median 1
    stakes = numeric_stakes(rows, [1.0] * 6 + [2.0] * 2 + [5.0] * 2, bins=2, beta=0.9)
    scale = (2 * 1 + 2 * 4) / 10
    raw = {1.0: 0.1 / (1 - 0.9**8), 5.0: 0.1 / (1 - 0.9**2)}  # 1 and 2 lie in one bin of [1, 3), [3, 5]
    weight = raw[1.0] / ((8 * raw[1.0] + 2 * raw[5.0]) / 10)
    example = Example("t", "0", (5,), ANSWERS[0])
    right, mid, high = 0.6 * 0.5 * 0.8, 0.6 * 0.3, 0.2
    expected = mid * 1 + high * 4 + (1 - right - mid - high) * 4
    losses = numeric_mae(along(example), [example], stakes)
    assert losses.sum().item() == pytest.approx(weight * expected / scale, rel=1e-5)


def test_several_answers_behind_one_token_cost_their_mean():
    example = Example("t", "0", (5,), ANSWERS[2])
    logits = torch.log(torch.tensor([[0.1, 0.3, 0.1, 0.1, 0.4], [0.9, 0.1, 1e-9, 1e-9, 1e-9]]))
    stakes = numeric_stakes(list(ANSWERS), [1.0, 2.0, 5.0], bins=1, beta=0.0)
    right, alike = 0.4 * 0.9, 0.3
    scale = (1 + 3) / 3
    expected = alike * (4 + 3) / 2 + (1 - right - alike) * 4
    assert numeric_mae(logits, [example], stakes).sum().item() == pytest.approx(expected / scale, rel=1e-5)


STATES = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])
LABELS = torch.tensor([0, 0, 1, 2])
COSINES = [[1.0, 0.6, 0.0, -1.0], [0.6, 1.0, 0.8, -0.6], [0.0, 0.8, 1.0, 0.0], [-1.0, -0.6, 0.0, 1.0]]


def test_the_contrastive_loss_against_a_value_by_hand():
    def against(row, like):
        others = sum(math.exp(COSINES[row][k] / 0.5) for k in range(4) if k != row)
        return -math.log(math.exp(COSINES[row][like] / 0.5) / others)

    expected = [against(0, 1), against(1, 0), 0.0, 0.0]
    assert contrastive(STATES, LABELS, temperature=0.5).tolist() == pytest.approx(expected, abs=1e-6)


def test_the_multi_similarity_loss_against_a_value_by_hand():
    """Row 0: its like row (0.6) is closer than the closest unlike one (0.0) plus the margin, so no pair counts."""

    def pull(s):
        return math.log1p(math.exp(-2 * (s - 0.5))) / 2

    def push(*all_s):
        return math.log1p(sum(math.exp(10 * (s - 0.5)) for s in all_s)) / 10

    found = multi_similarity(STATES, LABELS, alpha=2.0, beta=10.0, base=0.5, margin=0.1).tolist()
    assert found[:2] == pytest.approx([0.0, pull(0.6) + push(0.8)], abs=1e-6)


@pytest.mark.parametrize("loss", ["multi_similarity", "contrastive", "soft_mining"])
def test_losses_of_states_are_mixed_with_the_cross_entropy(loss):
    rows = [Example("t", str(i), (5,), (int(label), 0)) for i, label in enumerate(LABELS)]
    logits = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    plain = answer_token_losses(logits, rows, Train())
    compare = {"multi_similarity": multi_similarity, "contrastive": contrastive, "soft_mining": soft_mining}[loss]
    options = {key: value for key, value in OPTIONS[loss].items() if key != "share"}
    each = compare(STATES, LABELS, **options).repeat_interleave(2)
    for share in (0.0, 0.3, 1.0):
        train = Train(loss=loss, loss_options={"share": share})
        torch.testing.assert_close(
            answer_token_losses(logits, rows, train, states=STATES), (1 - share) * plain + share * each
        )


def test_states_are_those_of_a_rows_own_prompt(model):
    examples = made_examples(count=5)
    logits, states = ForestDecoder(model).read_states(examples)
    padded_logits, padded = PaddedDecoder(model).read_states(examples)
    torch.testing.assert_close(states, padded, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits, padded_logits, atol=1e-4, rtol=1e-4)
    _, filled = ForestDecoder(model, Trunk(model, 2)).read_states(examples)  # a trunk that has none of them yet
    torch.testing.assert_close(filled, states, atol=1e-4, rtol=1e-4)
    row = examples[0]
    whole = model.module.model(torch.tensor([row.prompt])).last_hidden_state[0, 7:]
    torch.testing.assert_close(states[0], whole.mean(dim=0), atol=1e-4, rtol=1e-4)


def test_each_task_has_its_own_loss():
    one, other = made_examples(count=2)
    examples = [one, replace(other, task="u")]
    logits = torch.randn(len(one.answer) + len(other.answer), 340)
    mixed = weighted_losses(logits, examples, Train(overrides={"u": TaskTrain(loss="focal")}))
    plain, focal = (weighted_losses(logits, examples, Train(loss=loss)) for loss in ("cross_entropy", "focal"))
    border = len(one.answer)
    assert torch.equal(mixed, torch.cat([plain[:border], focal[border:]]))


def test_options_are_a_tasks_own_or_the_common_ones_of_the_common_loss():
    own = {"u": TaskTrain(loss_options={"sharpness": 3.0}), "v": TaskTrain(loss="contrastive")}
    train = Train(loss="z_loss", loss_options={"location": 5.0}, overrides=own)
    assert train.options_of("t") == {"sharpness": 1.0, "location": 5.0}
    assert train.options_of("u") == {"sharpness": 3.0, "location": 5.0}
    assert train.options_of("v") == OPTIONS["contrastive"]


def test_a_weight_of_two_doubles_a_tasks_share_of_the_gradient():
    module = tiny.make_model("llama")
    head = module.get_output_embeddings().weight
    first, second = made_examples(count=2)
    pair = [first, replace(second, task="u")]

    def pull(names, train):
        """The gradient of a batch's loss from the tasks `names` alone."""
        gradient = torch.zeros_like(head)
        for example in (example for example in pair if example.task in names):
            hidden = torch.sin(torch.arange(len(example.answer))[:, None] + torch.arange(32.0))
            loss = weighted_losses(hidden @ head.T, [example], train).sum() / total_weight(pair, train)
            gradient += torch.autograd.grad(loss, head)[0]
        return gradient

    once, twice = Train(), Train(weights={"u": 2.0})
    ratio = float(pull(["u"], once).norm() / pull(["t"], once).norm())
    assert float(pull(["u"], twice).norm() / pull(["t"], twice).norm()) == pytest.approx(2 * ratio, rel=1e-5)
    slow = Train(overrides={"u": TaskTrain(lr=0.5)})
    steps = [float((pull([name], slow) * pace(pair, slow)).norm() / pull([name], once).norm()) for name in "tu"]
    assert steps == pytest.approx([1.0, 0.5], rel=1e-5)  # what a plain gradient step moves by, task by task


def scored(name="grade", rows=24):
    made = [Row(f"{name}-{i}", {"input": tiny.ANIMALS[i % 8]}, str(i % 5)) for i in range(rows)]
    splits = {"train": made[: rows - 8], "dev": made[rows - 8 :]}
    return Task(name, "generation", splits, template=Template("", "rate {input}\nAnswer:"))


def surely(task):
    """Gives the task with rows of which some say that they are surer than others."""
    rows = {
        name: [
            replace(row, fields={**row.fields, "confidence": f"0.{5 + place % 4}"}) for place, row in enumerate(rows)
        ]
        for name, rows in task.rows.items()
    }
    return replace(task, rows=rows)


GROUP, ECHO, GRADE = surely(tiny.group_task()), tiny.echo_task(), scored()


def fine_tune(base, train, tasks=(GROUP, ECHO, GRADE), **others):
    options = {"targets": ("group",), "budget": Budget(steps=4), "lora": Lora(layers="top-2"), "train": train}
    return FineTune(base, tasks, **{**options, **others})


def trial(evaluate, seed=0):
    (found,) = evaluate([Request(Mixture.of(["group", "echo", "grade"]), seed=seed)])
    assert found.error is None
    return found


@pytest.mark.parametrize(
    "loss", ["cost_sensitive", "numeric_mae", "contrastive", "center", "scoreq", "judged", "preference"]
)
def test_the_seconds_of_a_trial_are_measured_with_its_losses(random_base, loss):
    own = {"grade" if loss in BY_NUMBER else "group": TaskTrain(loss=loss)}
    evaluate = fine_tune(random_base, replace(CHEAP, overrides=own))
    assert evaluate.estimate(Request(Mixture.of(["group", "grade"])), measure=True).seconds > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_and_repeats_itself_to_the_bit(random_base, loss):
    costs = {"animal": {"fruit": 3.0}, "fruit": {"animal": 0.5}} if loss in BY_COST else {}
    own = {"grade" if loss in BY_NUMBER else "group": TaskTrain(loss=loss, costs=costs)}
    train = replace(CHEAP, overrides=own)
    one, two = (trial(fine_tune(random_base, train)) for _ in range(2))
    assert replace(one, seconds=0.0) == replace(two, seconds=0.0)
    plain = trial(fine_tune(random_base, CHEAP))
    assert (one.train_loss == plain.train_loss) == (loss == "cross_entropy")


@pytest.mark.parametrize("loss", sorted(BY_BATCH | BY_STAKES))
def test_packs_do_not_change_a_loss(random_base, loss):
    own = {"grade" if loss in BY_NUMBER else "group": TaskTrain(loss=loss)}
    engine = fine_tune(random_base, replace(CHEAP, overrides=own)).engine
    request = Request(Mixture.of(["group", "echo", "grade"]))
    losses = []
    for limit in (512, 64):
        with engine._adapted(seed=0) as trainee:
            losses.append(engine._trainer.train(request, engine.plan(request), trainee, limit))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_contrastive_training_draws_labels_together(random_base):
    """Of 16 rows by chance ln 15 is expected, and at best about ln 7, where all rows of a label lie together."""
    own = {"group": TaskTrain(loss="contrastive", loss_options={"share": 1.0})}
    train = Train(lr=1e-2, batch_examples=16, max_length=96, schedule="constant", overrides=own)
    evaluate = fine_tune(random_base, train, tasks=(GROUP,), budget=Budget(steps=25))
    (found,) = evaluate([Request(Mixture.of(["group"]))])
    assert found.train_loss[0] == pytest.approx(math.log(15), abs=0.1)
    assert np.mean(found.train_loss[-5:]) < 2.15


def test_losses_with_more_than_logits_run_alone(random_base):
    requests = [Request(Mixture.of(["group", "echo"]), seed=seed) for seed in (0, 1)]
    for loss, is_alone in (
        ("squentropy", False),
        ("cost_sensitive", True),
        ("contrastive", True),
        ("center", True),
        ("preference", True),
    ):
        train = replace(CHEAP, width=2, overrides={"group": TaskTrain(loss=loss)})
        found = list(fine_tune(random_base, train)(requests))
        assert all(("side by side" not in each.device) == is_alone for each in found)


def test_a_rate_of_half_is_the_training_at_half_the_rate(random_base):
    half = fine_tune(random_base, replace(CHEAP, overrides={"group": TaskTrain(lr=0.5)}), tasks=(GROUP,))
    same = fine_tune(random_base, replace(CHEAP, lr=CHEAP.lr / 2), tasks=(GROUP,))
    request = Request(Mixture.of(["group"]))
    (one,), (other,) = half([request]), same([request])
    assert one.train_loss == other.train_loss


def test_older_settings_stay_as_they_were(random_base):
    setup = fine_tune("x", replace(CHEAP, overrides={"group": TaskTrain(weight=2.0)})).setup.to_json()["train"]
    assert setup["overrides"] == {"group": {"weight": 2.0, "loss": None, "max_length": None, "draw": 1}}
    assert "loss_options" not in setup
    other = fine_tune("x", replace(CHEAP, overrides={"group": TaskTrain(lr=0.5)})).setup.to_json()["train"]
    assert other["overrides"]["group"]["lr"] == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fine_tune("x", Train(loss="contrastive")), "needs labels; dataset 'echo' is of kind 'generation'"),
        (lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="cost_sensitive")})), "needs labels"),
        (lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="numeric_mae")})), "needs numbers as answers"),
        (
            lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="scoreq")})),
            "'scoreq' needs numbers as answers",
        ),
        (
            lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="soft_mining")})),
            "'soft_mining' needs labels",
        ),
        (lambda: fine_tune("x", Train(overrides={"group": TaskTrain(costs={"animal": {"fruit": 2}})})), "are of the"),
        (
            lambda: fine_tune(
                "x", Train(overrides={"group": TaskTrain(loss="cost_sensitive", costs={"animl": {"fruit": 2}})})
            ),
            "its labels are",
        ),
        (lambda: TaskTrain(costs={"a": {"b": -1}}), "Costs are >= 0"),
        (lambda: TaskTrain(costs={"a": {"a": 1}}), "0 for the right label"),
        (lambda: Train(loss_options={"sharpness": 1}), "'cross_entropy' has no option 'sharpness'; known are none"),
        (lambda: Train(loss="z_loss", loss_options={"sharpnes": 1}), "did you mean 'sharpness'"),
        (lambda: Train(loss="contrastive", loss_options={"share": 2}), r"is in \[0, 1\]; got 2"),
        (
            lambda: Train(loss="soft_mining", loss_options={"unlike": 2}),
            r"'unlike' of loss 'soft_mining' is in \[0, 1\]",
        ),
        (lambda: Train(loss="scoreq", loss_options={"margin": -1}), r"'margin' of loss 'scoreq' is in \[0, 1e\+06\]"),
        (lambda: Train(loss="contrastive", processes=2), "processes 2 each see a part"),
    ],
)
def test_a_loss_that_does_not_suit_is_refused_before_a_model_is_loaded(make, message):
    with pytest.raises(ValueError, match=message):
        make()
