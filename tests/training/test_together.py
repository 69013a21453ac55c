"""Trials that run side by side are the trials that each would be alone."""

from dataclasses import replace

import pytest
import tiny
import torch
from peft import PeftModel
from test_fine_tune import ECHO, GROUP, TRAIN
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

from cotune import Mixture, Request
from cotune.mixture import BASE
from cotune.training import Budget, FineTune, Lora, Scoring
from cotune.training.adapter import Adapter
from cotune.training.together.decoder import StackDecoder
from cotune.training.together.loop import Course, fit
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Layout, stacked, start_of

EPOCHS = Budget(epochs=1)  # so that trials have different lengths
BATCH = [
    Request(BASE),
    Request(Mixture.of(["group"])),
    Request(Mixture.of(["echo", "group"]), 1),
    Request(Mixture.of(["echo"]), 2),
    Request(Mixture.of(["echo", "group"]), 3, 0.5),
]


@pytest.fixture(scope="module", params=[*tiny.FAMILIES, "qwen3"])
def name(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param != "qwen3":
        return tiny.save_model(folder, request.param)
    sizes = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32}
    config = Qwen3Config(**sizes, vocab_size=340, intermediate_size=64, head_dim=8, initializer_range=0.08)
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tiny.make_tokenizer().save_pretrained(folder)
    return str(folder)


def fine_tune(model, *, width, train=TRAIN, **others):
    options = {"budget": EPOCHS, "lora": Lora(layers="top-2"), "scoring": Scoring(metric_for=("echo",)), **others}
    return FineTune(model, (GROUP, ECHO), targets=("group",), train=replace(train, width=width), **options)


def trials(model, requests=BATCH, *, width, **others):
    return {trial.request: trial for trial in fine_tune(model, width=width, **others)(requests)}


def assert_equal(alone, together):
    assert alone.keys() == together.keys()
    for request, one in alone.items():
        other = together[request]
        assert (other.error, other.exposure) == (one.error, one.exposure)
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-5)
        assert other.results.keys() == one.results.keys()
        for task, result in one.results.items():
            found = other.results[task]
            assert (found.score, found.metrics, found.malformed) == (result.score, result.metrics, result.malformed)
            assert found.examples.outputs == result.examples.outputs
            assert found.examples.losses == pytest.approx(result.examples.losses, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("layers", ["top-2", "all"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_each_trial_is_what_it_is_alone(name, layers, dropout):
    lora = Lora(layers=layers, dropout=dropout)
    alone, together = (trials(name, width=width, lora=lora) for width in (1, 3))
    assert_equal(alone, together)
    assert len({len(trial.train_loss) for trial in together.values()}) > 2
    assert [trial.device.partition(", float32)")[2] for trial in together.values()] == ["", *[", 2 side by side"] * 4]


@pytest.mark.parametrize(
    "others",
    [
        {"train": replace(TRAIN, schedule="cosine", warmup=2, weight_decay=0.1, betas=(0.8, 0.95))},
        {"train": replace(TRAIN, schedule="constant", clip=None)},
        {"train": replace(TRAIN, clip=0.05, loss="focal", weights={"echo": 3.0})},
        {"train": replace(TRAIN, batch_examples=40)},  # several packs a step, of which some trials have fewer
        {"train": replace(TRAIN, batch_examples=40), "lora": Lora(layers="top-2", dropout=0.2)},
        {"lora": Lora(layers="top-1", rank=3, alpha=5.0, modules=("q_proj", "down_proj"))},
        {"scoring": Scoring(classify="generation", batch=3, dev_rows=7)},
        {"budget": Budget(tokens=900)},
        {"train": replace(TRAIN, gradient_checkpointing=True), "lora": Lora(layers="top-2", dropout=0.2)},  # alone
    ],
    ids=str,
)
def test_settings_mean_the_same_side_by_side(base, others):
    assert_equal(trials(base, width=1, **others), trials(base, width=4, **others))


def test_the_width_is_not_part_of_the_settings(base):
    assert fine_tune(base, width=1).settings() == fine_tune(base, width=7).settings()


def test_trials_of_any_length_finish_and_the_fullest_come_first(base):
    requests = [Request(Mixture.of(["group"]), seed, fidelity) for seed in (0, 1, 2) for fidelity in (0.2, 1.0)]
    lengths = [len(trial.train_loss) for trial in fine_tune(base, width=2)(requests)]
    assert lengths == [5, 5, 5, 1, 1, 1]


def test_who_asks_twice_gets_two_trials_and_a_dataset_without_rows_fails_by_itself(base):
    empty = replace(ECHO, name="empty", rows={"dev": ECHO.rows["dev"]})
    options = {"targets": ("group",), "budget": Budget(steps=2), "lora": Lora(layers="top-1")}
    evaluate = FineTune(base, (GROUP, empty), train=replace(TRAIN, width=4), **options)
    asked = [
        Request(Mixture.of([name]), seed) for name, seed in (("group", 0), ("empty", 0), ("group", 1), ("group", 0))
    ]
    found = list(evaluate(asked))
    assert sorted(trial.request for trial in found) == sorted(asked)
    assert [trial.error is None for trial in found] == [trial.request.mixture.names == ("group",) for trial in found]
    assert all("No train rows" in trial.error for trial in found if trial.error)


def test_one_that_diverges_at_once_leaves_the_others_as_they_are(base):
    wild = replace(TRAIN, weights={"echo": 3e38})
    alone, together = (trials(base, width=width, train=wild) for width in (1, 4))
    assert_equal(alone, together)
    errors = [together[request].error for request in BATCH]
    assert [error is None for error in errors] == [True, True, False, False, False]
    assert all(error.startswith("diverged: ") and error.endswith(" at step 1") for error in errors if error)


def test_losses_that_are_not_finite_fail_each_trial_by_the_same_words(base):
    wild = replace(TRAIN, lr=1e30, clip=None, warmup=0)
    for steps in (1, 3):
        alone, together = (trials(base, width=width, train=wild, budget=Budget(steps=steps)) for width in (1, 4))
        assert {request: trial.error for request, trial in alone.items()} == {
            request: trial.error for request, trial in together.items()
        }
        assert "diverged" in together[BATCH[1]].error


def courses_of(engine, requests, *, poison=None):
    """Trains requests side by side; `poison` may change the stack at each step."""
    starts = [start_of(engine.model, engine.setup.lora, request.seed) for request in requests]
    layout = Layout.of(starts[0].state)
    table = torch.stack([layout.row(start.state) for start in starts])
    courses = [Course(engine.plan(request), engine.setup.train) for request in requests]
    with stacked(engine.model, engine.setup.lora, layout, table) as stack:
        decoder = StackDecoder(engine.model, engine._trunk, stack)
        dice = Dice(engine.model.device, [start.generator for start in starts])
        options = {"train": engine.setup.train, "pack_tokens": 512}
        fit(decoder, stack, courses, dice, tell=lambda step, live: poison and poison(stack, step, live), **options)
    return layout, courses


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e20])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_trial_that_breaks_midway_leaves_without_touching_the_others(base, value, dropout):
    engine = fine_tune(base, width=4, budget=Budget(steps=6), lora=Lora(layers="top-2", dropout=dropout)).engine
    requests = [Request(Mixture.of(["group"]), seed) for seed in (0, 1, 2)]

    def poison(stack, step, live):
        if step == 3:
            stack.table[live.index(1)] = value

    _, (first, broken, last) = courses_of(engine, requests, poison=poison)
    assert broken.error is not None
    assert broken.error.startswith("diverged: ")
    assert broken.error.endswith("at step 4")
    assert broken.row is None
    for request, course in zip((requests[0], requests[2]), (first, last), strict=True):
        assert course.error is None
        assert course.losses == pytest.approx(engine.fit(request).train_loss, rel=1e-5)


def test_peft_loads_the_adapter_of_a_trial(base, tmp_path):
    evaluate = fine_tune(base, width=2, budget=Budget(steps=4))
    engine = evaluate.engine
    requests = [Request(Mixture.of(["group"]), seed) for seed in (0, 1)]
    layout, courses = courses_of(engine, requests)
    for request, course in zip(requests, courses, strict=True):
        alone, state = engine.fit(request), layout.state(course.row)
        assert state.keys() == alone.state.keys()
        for key, weight in state.items():
            torch.testing.assert_close(weight, alone.state[key], atol=2e-5, rtol=1e-4)
        adapter = Adapter(request, state, {}, (), 0.0, engine.model, engine.setup.lora)
        adapter.save(tmp_path / str(request.seed))
        loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / str(request.seed))
        weights = dict(loaded.named_parameters())
        key = next(key for key in state if "lora_B" in key)
        torch.testing.assert_close(weights[key.replace("lora_B", "lora_B.default")].data, state[key])


def test_the_model_is_what_it_was_afterwards(base):
    evaluate = fine_tune(base, width=4)
    before = {name: type(part) for name, part in evaluate.engine.model.module.named_modules()}
    generator = torch.get_rng_state()
    list(evaluate(BATCH))
    assert torch.equal(torch.get_rng_state(), generator)
    assert {name: type(part) for name, part in evaluate.engine.model.module.named_modules()} == before
    assert all(not weight.requires_grad for weight in evaluate.engine.model.module.parameters())
