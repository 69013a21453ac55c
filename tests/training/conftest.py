import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import tiny
import torch

from cotune import Mixture, Request
from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.model import LanguageModel
from needs import missing


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Bitwise equality is promised at one thread."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def installed():
    """Ends a test of a balancer whose library is not there."""

    def check(name):
        try:
            Balance(name)
        except ValueError as error:
            if "not installed" not in str(error):
                raise
            missing(str(error))

    return check


@pytest.fixture
def model():
    """A tiny llama with random weights, in memory."""
    module = tiny.make_model("llama").eval().requires_grad_(False)
    return LanguageModel("llama", module, tiny.make_tokenizer(), "f" * 64)


@pytest.fixture(scope="session")
def random_base(tmp_path_factory):
    return tiny.save_model(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A tiny model that can repeat words: it was trained in full, so that adapters on it learn."""
    folder = tmp_path_factory.mktemp("base")
    start = tiny.save_model(folder / "start")
    echo = tiny.echo_task("words", rows=400, words=3)
    train = Train(lr=3e-3, batch_examples=12, max_length=64)
    full = Lora(method="full", layers="all")
    fine_tune = FineTune(start, [echo], targets=["words"], budget=Budget(steps=90), train=train, lora=full)
    fine_tune.fit(Request(Mixture.of(["words"]))).save(folder / "trained")
    return str(folder / "trained")
