"""What the base model sees of rows is what transformers gives for them, whatever rows are beside."""

import numpy as np
import pytest
import tiny
import torch

from cotune import Mixture, Request
from cotune.tasks.batch import Batch
from cotune.training import Budget, FineTune, Lora, Train
from cotune.training.monitoring import baselines_of, measure
from cotune.training.watch import see


def fine_tune(base, task, **settings):
    train = Train(max_length=64, batch_examples=8, lr=1e-2)
    lora = Lora(rank=2, layers="top-1", **settings)
    return FineTune(base, [task], targets=[task.name], budget=Budget(steps=6), train=train, lora=lora)


@pytest.fixture
def task():
    return tiny.echo_task("words", rows=80, words=3)


def test_states_are_the_mean_of_the_last_hidden_states_of_a_row_s_own_prompt(random_base, task):
    engine = fine_tune(random_base, task).engine
    (exam,) = engine.exams("dev", None)
    seen = see(engine, exam)
    assert seen.states.shape == (len(exam.rows), engine.model.module.config.hidden_size)
    for example, state in zip(exam.examples, seen.states, strict=True):
        with torch.no_grad():
            hidden = engine.model.module.get_decoder()(torch.tensor([example.prompt])).last_hidden_state[0]
        assert state == pytest.approx(hidden[seen.common :].mean(dim=0).numpy(), abs=1e-4)
    assert seen.words == tuple(sum(len(text.split()) for text in row.fields.values()) for row in exam.rows)


def test_a_row_is_seen_alike_alone_and_beside_others(random_base, task):
    engine = fine_tune(random_base, task).engine
    (exam,) = engine.exams("dev", None)
    seen = see(engine, exam)
    few = type(exam)(task, exam.rows[:2], exam.examples[:2], exam.way, exam.cap, exam.labels)
    assert see(engine, few, common=seen.common).states == pytest.approx(seen.states[:2], abs=1e-5)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_saved_adapter_scores_its_rows_as_in_training(base, task, tmp_path, method):
    trained = fine_tune(base, task, method=method)
    adapter = trained.fit(Request(Mixture.of(["words"])))
    adapter.save(tmp_path / "best")
    made = baselines_of(trained, "dev", base, {})
    (baseline,) = made(trained.score(adapter, split="dev"))
    rows = tuple(task.rows["dev"])
    (again,) = measure(baseline, [Batch(rows, (True,) * len(rows))], tmp_path / "best")
    assert 0 < baseline.sample.score < 1
    assert again.tallies == baseline.sample.tallies
    assert again.words == baseline.sample.words
    assert np.allclose(again.states, baseline.sample.states, atol=1e-5)
    (unanswered,) = measure(baseline, [Batch(rows, (False,) * len(rows))], tmp_path / "nowhere")
    assert (unanswered.tallies, unanswered.labels) == ((), ())
