"""FineTune runs requests: it learns, and repeats itself to the bit."""

import json
import pickle
from dataclasses import replace

import pytest
import tiny
import torch

from cotune import Mixture, Request, Task
from cotune.mixture import BASE
from cotune.tally import tally_score
from cotune.training import Budget, FineTune, Lora, Scoring, SizePolicy, TaskTrain, Train
from cotune.training.padded_decoder import PaddedDecoder
from cotune.trial import Comparable

GROUP, ECHO = tiny.group_task(), tiny.echo_task()
STEPS = Budget(steps=4)
FEW = (GROUP, tiny.echo_task(rows=4))
TRAIN = Train(lr=5e-3, batch_examples=8, max_length=96)


def fine_tune(model, *, tasks=(GROUP, ECHO), targets=("group",), budget=STEPS, train=TRAIN, **others):
    options = {"lora": Lora(layers="top-2"), **others}
    return FineTune(model, tasks, targets=targets, budget=budget, train=train, **options)


def run(evaluate, *parts, seed=0, fidelity=1.0):
    (trial,) = evaluate([Request(Mixture.of(parts), seed, fidelity)])
    return trial


def same(one, other):
    """Whether two trials agree in everything but seconds."""
    return replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_training_on_a_task_lowers_its_loss_most(base):
    evaluate = fine_tune(base, budget=Budget(steps=30))
    untrained, group, echo = (run(evaluate, *names) for names in ((), ("group",), ("echo",)))
    assert group.results["group"].loss < 0.7 * untrained.results["group"].loss
    assert group.results["group"].loss < 0.7 * echo.results["group"].loss
    assert echo.results["echo"].loss < group.results["echo"].loss


def test_the_same_request_gives_the_same_trial_to_the_bit_in_any_order(random_base, tmp_path):
    requests = [Request(Mixture.of(names), seed) for names in (["group"], ["echo", "group"], []) for seed in (0, 1)]
    forward = {trial.request: trial for trial in fine_tune(random_base)(requests)}
    backward = {trial.request: trial for trial in fine_tune(random_base, cache=tmp_path)(requests[::-1])}
    resumed = {trial.request: trial for trial in fine_tune(random_base, cache=tmp_path)(requests)}
    for request, trial in forward.items():
        assert trial.error is None
        assert same(trial, backward[request])
        assert same(trial, resumed[request])
    assert forward[requests[0]].train_loss != forward[requests[1]].train_loss  # another seed, another run


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_frozen_trunk_changes_nothing(family, tmp_path):
    name = tiny.save_model(tmp_path / family, family)
    cached, plain = fine_tune(name), fine_tune(name)
    plain.engine._decoder, plain.engine._trunk = PaddedDecoder(plain.engine.model), None
    one, other = run(cached, "group", "echo"), run(plain, "group", "echo")
    assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)
    for task in ("group", "echo"):
        assert one.results[task].loss == pytest.approx(other.results[task].loss, rel=1e-3)
    assert one.results["group"].examples.outputs == other.results["group"].examples.outputs


def test_a_trial_holds_what_a_study_needs(base):
    trial = run(fine_tune(base, scoring=Scoring(dev_rows=7)), "group", "echo")
    target, other = trial.results["group"], trial.results["echo"]
    assert len(trial.train_loss) == 4
    assert sum(exposure.examples for exposure in trial.exposure.values()) == 32
    assert trial.device == "cpu (1 threads, float32)"
    assert trial.seconds > 0
    assert (len(target.examples.ids), len(other.examples.ids)) == (7, 7)
    assert target.score == tally_score(target.examples.tallies)
    assert target.loss == pytest.approx(sum(target.examples.losses) / sum(target.examples.answer_tokens))
    assert set(target.metrics) == {"accuracy", "macro_f1"}
    assert (other.score, other.examples.outputs) == (None, ())


def test_the_empty_mixture_scores_the_untrained_model(base):
    trial = run(fine_tune(base))
    assert trial.request.mixture == BASE
    assert (trial.exposure, trial.train_loss, trial.error) == ({}, (), None)
    assert trial.results["group"].score is not None


def test_all_labels_or_a_generated_one(base):
    by_text = run(fine_tune(base, scoring=Scoring(classify="generation")), "group").results["group"]
    by_label = run(fine_tune(base), "group").results["group"]
    assert by_label.malformed == 0
    assert set(by_label.examples.outputs) <= {" animal", " fruit"}
    assert by_text.examples.losses == pytest.approx(by_label.examples.losses, rel=1e-4)


def test_other_tasks_get_their_metric_when_asked(base):
    trial = run(fine_tune(base, scoring=Scoring(metric_for=("echo",))), "echo")
    assert trial.results["echo"].score is not None
    assert trial.results["echo"].examples.outputs


def test_fidelity_is_a_fraction_of_the_steps(random_base):
    assert len(run(fine_tune(random_base), "group", fidelity=0.5).train_loss) == 2


def test_a_mistake_in_the_settings_is_found_before_anything_is_loaded():
    nowhere = "no/such/folder"
    for options, message in (
        ({"targets": ("grup",)}, "Did you mean 'group'"),
        ({"targets": ()}, "at least one target"),
        ({"train": Train(weights={"ech": 2.0})}, "Did you mean 'echo'"),
        ({"train": Train(overrides={"ech": TaskTrain()})}, "Did you mean 'echo'"),
        ({"scoring": Scoring(metric_for=("ech",))}, "Did you mean 'echo'"),
        ({"tasks": (replace(GROUP, metric="rouge_l"),)}, "does not suit"),
        ({"tasks": (Task("group", "classification", metric="accuracy"),)}, "no dev rows"),
    ):
        with pytest.raises(ValueError, match=message):
            fine_tune(nowhere, **options)
    evaluate = fine_tune(nowhere)
    with pytest.raises(ValueError, match="Did you mean 'group'"):
        run(evaluate, "grp")
    with pytest.raises(ValueError, match="Cannot load the model 'no/such/folder'"):
        run(evaluate, "group")


def test_a_model_that_reads_too_few_tokens_is_refused(random_base):
    with pytest.raises(ValueError, match="The model reads 512 tokens; a prompt and an output need 628"):
        run(fine_tune(random_base, train=replace(TRAIN, max_length=500)), "group")


def test_settings_are_json_and_tell_what_changes_a_score(random_base, tmp_path):
    def text(model=random_base, **others):
        return json.dumps(fine_tune(model, **others).settings(), sort_keys=True)

    assert isinstance(fine_tune(random_base), Comparable)
    assert text() == text(cache=tmp_path)
    assert text() == text(train=replace(TRAIN, threads=1, device="cpu"))
    torch.manual_seed(1)
    changed = [
        text(budget=Budget(steps=5)),
        text(budget=Budget(examples=4)),
        text(size_policy=SizePolicy("proportional")),
        text(lora=Lora(rank=4)),
        text(train=replace(TRAIN, weights={"echo": 2.0})),
        text(scoring=Scoring(dev_rows=5)),
        text(targets=("echo", "group")),
        text(model=tiny.save_model(tmp_path / "other", "gpt2")),
        text(model=tiny.save_model(tmp_path / "chat", chat=True)),
    ]
    assert len({text(), *changed}) == len(changed) + 1


def test_it_travels_by_pickle_and_gives_the_same_trials(random_base):
    evaluate = fine_tune(random_base)
    expected = run(evaluate, "group")
    copy = pickle.loads(pickle.dumps(evaluate))
    assert same(run(copy, "group"), expected)


def test_a_fitted_adapter_is_the_trials_model(base, tmp_path):
    evaluate = fine_tune(base)
    trial = run(evaluate, "group", seed=3)
    adapter = evaluate.fit(trial.request)
    assert adapter.train_loss == trial.train_loss
    assert evaluate.score(adapter, split="dev") == dict(trial.results)
    test = evaluate.score(adapter)
    assert test["group"].examples.ids == tuple(row.id for row in GROUP.rows["test"])
    assert evaluate.score(None, split="dev")["group"] != test["group"]
    adapter.save(tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_a_trial_with_dropout_is_scored_without(base):
    evaluate = fine_tune(base, lora=Lora(layers="top-2", dropout=0.5))
    trial = run(evaluate, "group")
    adapter = evaluate.fit(trial.request)
    assert fine_tune(base).score(adapter, split="dev") == dict(trial.results)
    assert evaluate.settings()["dropout"] == "in training only"
    assert "dropout" not in fine_tune(base).settings()


def test_dev_rows_are_seeded_and_nested(random_base):
    def ids(count, seed=0):
        scoring = Scoring(dev_rows=count, row_seed=seed)
        return run(fine_tune(random_base, scoring=scoring)).results["group"].examples.ids

    assert set(ids(4)) < set(ids(8))
    assert ids(6) != ids(6, seed=1)
    assert len(ids(None)) == 12
    trial = run(fine_tune(random_base, scoring=Scoring(dev_rows=9, loss_rows=2)))
    assert [len(trial.results[name].examples.ids) for name in ("group", "echo")] == [9, 2]


def test_an_estimate_is_what_the_trial_then_takes(random_base):
    evaluate = fine_tune(random_base)
    request = Request(Mixture.of(["group", "echo"]))
    estimate = evaluate.estimate(request, measure=True)
    trial = run(evaluate, "group", "echo")
    assert (estimate.tokens, estimate.steps, estimate.scored_rows) == (trial.tokens, len(trial.train_loss), 24)
    assert estimate.seconds > 0
    assert evaluate.estimate(Request(BASE)).tokens == 0


def test_a_curve_is_part_of_an_estimate(monkeypatch, random_base):
    evaluate = fine_tune(random_base, scoring=Scoring(curve=3))
    asked = []
    rehearse = evaluate.engine.rehearse

    def costed(request, drawn, exams):
        asked.append([exam.way for exam in exams])
        rehearse(request, drawn, exams)
        return 1.0, 1.0

    monkeypatch.setattr(evaluate.engine, "rehearse", costed)
    request = Request(Mixture.of(["group", "echo"]))
    found = evaluate.estimate(request, measure=True)
    assert asked == [["likelihood", "loss"]] * 3 + [["loss", "loss"]]
    assert found.seconds == found.steps / 2 + (1 + 2) * found.scored_rows / 16  # of four steps two are looked at


def test_only_the_first_of_a_trial_is_estimated_to_fill_the_cache(monkeypatch, random_base):
    evaluate = fine_tune(random_base, scoring=Scoring(curve=3))
    engine = evaluate.engine
    fill, rehearse, filled = engine._trunk._filling.run, engine.rehearse, []
    monkeypatch.setattr(engine._trunk._filling, "run", lambda *given: filled.append(given) or fill(*given))

    def counted(*given):
        before = len(filled)
        rehearse(*given)
        return 1.0, float(len(filled) - before)

    monkeypatch.setattr(engine, "rehearse", counted)
    found = evaluate.estimate(Request(Mixture.of(["group", "echo"])), measure=True)
    assert found.first_seconds > 0
    assert found.seconds == found.steps / 2  # in what is repeated, looks at the curve included, nothing is filled


def test_progress_counts_up_to_the_end_of_each_stage(random_base):
    seen = []
    run(fine_tune(random_base, progress=seen.append), "group")
    stages = {step.stage for step in seen}
    assert {"encode", "train", "score group", "score echo"} <= stages
    train = [(step.done, step.total) for step in seen if step.stage == "train"]
    assert train == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(step.request == Request(Mixture.of(["group"])) for step in seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": Budget(steps=3)}, "only 3 optimizer steps"),
        ({"train": replace(TRAIN, lr=0.1)}, "high for LoRA over 30 steps"),
        ({"train": replace(TRAIN, lr=1e-6)}, "low for LoRA over 30 steps"),
        ({"lora": Lora(method="full")}, "high for full fine-tuning"),
        ({"train": replace(TRAIN, warmup=50)}, "warm-up takes all"),
        ({"train": replace(TRAIN, max_length=24)}, "are cut to 24 tokens"),
        (
            {"size_policy": SizePolicy("proportional"), "tasks": FEW},
            "takes 96 % of the tokens",
        ),
        ({"budget": Budget(examples=1)}, "less than one example"),
    ],
)
def test_settings_that_may_mislead_are_warned_of(random_base, options, message):
    evaluate = fine_tune(random_base, **{"budget": Budget(steps=30), **options})
    assert any(message in warning for warning in evaluate.warnings()), evaluate.warnings()


def test_sensible_settings_raise_no_warning(random_base):
    assert fine_tune(random_base, budget=Budget(steps=30)).warnings() == ()


def test_a_chat_model_works_as_well(tmp_path):
    trial = run(fine_tune(tiny.save_model(tmp_path / "chat", chat=True)), "group", "echo")
    assert trial.error is None


def test_half_precision_stays_close(base):
    exact = run(fine_tune(base), "group")
    half = run(fine_tune(base, train=replace(TRAIN, dtype="bfloat16")), "group")
    assert half.device == "cpu (1 threads, bfloat16)"
    assert half.results["echo"].loss == pytest.approx(exact.results["echo"].loss, rel=0.1)
