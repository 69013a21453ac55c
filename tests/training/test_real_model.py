"""The embedded 135M model learns a real task through an adapter, and its cache serves a second process."""

from pathlib import Path

import pytest

from cotune import Mixture, Request
from cotune.tasks import load_tasks
from cotune.training import Budget, FineTune, Scoring, Train
from cotune.training.padded_decoder import PaddedDecoder
from needs import missing

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def tasks(embedded):
    if not SHARED.is_dir():
        missing("the shared sample sets are not beside this checkout")
    return [task for task in load_tasks(SHARED) if task.name in ("sms_spam", "snips", "ncbi_disease")]


@pytest.mark.slow
def test_the_embedded_model_learns_and_repeats_itself(tasks, tmp_path):
    def make():
        return FineTune(
            "embedded",
            tasks,
            targets=["snips"],
            budget=Budget(steps=30),
            train=Train(batch_examples=8, threads=1),
            scoring=Scoring(dev_rows=32),
            cache=tmp_path,
        )

    evaluate, request = make(), Request(Mixture.of(["snips"]))
    base, trained = evaluate([Request(Mixture()), request])
    assert trained.results["snips"].loss < 0.5 * base.results["snips"].loss
    assert trained.results["snips"].score > base.results["snips"].score + 0.2
    (again,) = make()([request])
    assert (again.results, again.train_loss) == (trained.results, trained.train_loss)
    assert again.seconds < trained.seconds


@pytest.mark.slow
def test_outputs_equal_those_of_generate(tasks):
    evaluate = FineTune(
        "embedded", tasks, targets=["ncbi_disease"], budget=Budget(steps=1), scoring=Scoring(dev_rows=8)
    )
    engine = evaluate.engine
    fast = evaluate.score(None, split="dev", rows=8)["ncbi_disease"]
    engine._decoder = PaddedDecoder(engine.model)
    plain = evaluate.score(None, split="dev", rows=8)["ncbi_disease"]
    assert fast.examples.outputs == plain.examples.outputs
    assert fast.examples.losses == pytest.approx(plain.examples.losses, rel=1e-3)
