"""Compiled layers give what the layers give, and where they cannot be compiled they run as they are."""

import shutil
import warnings
from dataclasses import replace

import pytest
import tiny
import torch
from test_fine_tune import ECHO, GROUP, TRAIN, fine_tune, run

from cotune.training import Balance, Lora, Scoring
from cotune.training.compiled import CompiledLayers, pays
from needs import missing

NAMES = ("group", "echo")
ON = replace(TRAIN, compile="on")


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Ends a test where there is no compiler; graphs of other tests are forgotten."""
    if shutil.which("g++") is None:
        missing("torch.compile needs g++")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()


def assert_equal(one, other):
    assert other.error is None
    assert other.train_loss == pytest.approx(one.train_loss, rel=1e-4)
    for task in (GROUP, ECHO):
        found, result = other.results[task.name], one.results[task.name]
        assert found.examples.losses == pytest.approx(result.examples.losses, rel=1e-4, abs=1e-5)
        assert (found.score, found.examples.outputs) == (result.score, result.examples.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("family", [*tiny.FAMILIES, "qwen3"])
def test_losses_and_outputs_are_equal_and_a_handful_of_graphs_serves_all_trials(family, tmp_path, compiler):
    name = tiny.save_model(tmp_path / family, family)
    plain, swift = (fine_tune(name, targets=NAMES, train=train) for train in (TRAIN, ON))
    assert plain.settings() == swift.settings()
    torch._dynamo.utils.counters.clear()
    for seed, names in enumerate((NAMES, ("echo",), ("group",))):
        one, other = (run(evaluate, *names, seed=seed) for evaluate in (plain, swift))
        assert_equal(one, other)
        assert ("compiled" in one.device, other.device.endswith(", compiled")) == (False, True)
    assert 2 <= torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "others",
    [
        {"train": replace(TRAIN, balancer=Balance("pcgrad"), gradient_checkpointing=True)},
        {"lora": Lora(method="full", layers="all"), "scoring": Scoring(curve=1)},
    ],
    ids=["gradients by dataset", "all weights"],
)
def test_it_serves_other_ways_to_train(random_base, compiler, others):
    train = others.pop("train", TRAIN)
    plain, swift = (
        fine_tune(random_base, targets=NAMES, train=replace(train, compile=mode), **others) for mode in ("off", "on")
    )
    one, other = run(plain, *NAMES), run(swift, *NAMES)
    assert_equal(one, other)
    assert other.device.endswith(", compiled")


def test_on_a_cpu_it_is_off_by_itself_and_changes_no_bit(random_base):
    by_itself, off = (
        run(fine_tune(random_base, train=replace(TRAIN, compile=mode)), *NAMES) for mode in ("auto", "off")
    )
    assert replace(by_itself, seconds=0) == replace(off, seconds=0)


def falls_back(evaluate, expected):
    """Runs twice and gives the warning; both trials are what they are without a compiler, to the bit."""
    with pytest.warns(UserWarning, match="Layers run as they are, not compiled") as heard:
        first = run(evaluate, *NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = run(evaluate, *NAMES)  # it is not tried again
    assert replace(first, seconds=0) == replace(second, seconds=0) == replace(expected, seconds=0)
    (warning,) = [str(found.message) for found in heard if "compiled" in str(found.message)]
    return warning


def test_what_cannot_be_traced_runs_as_it_is_with_one_warning(random_base):
    evaluate = fine_tune(random_base, targets=NAMES, train=ON)
    torch.compiler.reset()
    for layer in evaluate.engine.model.layers:
        layer.mlp.register_forward_hook(lambda *_: torch._dynamo.graph_break())
    assert "Unsupported" in falls_back(evaluate, run(fine_tune(random_base, targets=NAMES), *NAMES))


@pytest.mark.slow
def test_without_a_compiler_layers_run_as_they_are(random_base, monkeypatch):
    evaluate = fine_tune(random_base, targets=NAMES, train=ON)
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(torch._inductor.config, "force_disable_caches", True)
    torch.compiler.reset()
    assert "Compiler" in falls_back(evaluate, run(fine_tune(random_base, targets=NAMES), *NAMES))


def test_dropout_is_refused(random_base):
    with pytest.raises(ValueError, match=r"lora\.dropout must be 0"):
        fine_tune(random_base, train=ON, lora=Lora(layers="top-2", dropout=0.1))


class Fake:
    """A decoder whose passes take what they are said to, on layers that do nothing."""

    def __init__(self, layer):
        self.layer = layer

    def logits(self, examples):
        return self.layer.forward(torch.ones(2, 3, requires_grad=True))


def test_by_itself_it_compiles_only_where_a_study_is_long(monkeypatch):
    from cotune.training import compiled

    def decided(packs, eager, after, other=0.0):
        layer = torch.nn.Identity()
        taken = CompiledLayers([layer], "auto", 1e-3)
        compiles = []

        def work(given, x):
            compiles.append(given)
            return x + other

        monkeypatch.setattr(taken, "_compiled", work)
        timed = iter([eager, after])
        monkeypatch.setattr(compiled, "seconds_of", lambda work, device: next(timed))
        pack = [tiny_example()]
        for count in packs:
            taken.prepare(Fake(layer), [], [pack] * count)
        return taken.is_on, bool(compiles)

    assert decided([10], 0.01, 0.001) == (False, False)  # 24 x 10 x 0.01 s: nobody waits for a compiler
    assert decided([1000], 0.01, 0.001) == (True, True)
    assert decided([10, 1000], 0.01, 0.001) == (True, True)  # a rehearsal of a few steps decides nothing
    assert decided([1000], 0.01, 0.02) == (False, True)  # it is no faster
    with pytest.warns(UserWarning, match="would differ by"):
        assert decided([1000], 0.01, 0.001, other=1.0) == (False, True)
    assert not pays(eager=0.02, compiled=0.01, passes=100, seconds=2.0)
    assert pays(eager=0.02, compiled=0.01, passes=300, seconds=2.0)


def tiny_example():
    from cotune.training.example import Example

    return Example("a", "1", (1, 2), (3,))
