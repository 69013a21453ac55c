"""Guesses are the likeliest labels by plain forward passes, with whatever a training saved on the model."""

import json
import shutil
from dataclasses import replace

import pytest
import tiny
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from cotune import Mixture, Request
from cotune.tasks import load_task
from cotune.tasks.pseudolabels import pool_entry, precision, sure, write_pseudolabels
from cotune.tasks.spec import dataset_spec
from cotune.tasks.tacle import class_weights
from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.elements import held_rows, load_asker
from cotune.training.pseudolabels import guess
from cotune.training.saved import base_of, is_adapter

GROUP = tiny.group_task("group", rows=120)
NEW = tiny.group_task("new", rows=40, seed=7).rows["train"]


def fine_tune(base, tasks=(GROUP,), **more):
    train = Train(lr=1e-2, batch_examples=12, max_length=96, **more)
    return FineTune(base, list(tasks), targets=["group"], budget=Budget(steps=60), train=train, lora=Lora(layers="all"))


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    """An adapter that was trained to tell animals from fruits."""
    folder = tmp_path_factory.mktemp("adapter")
    fine_tune(base).fit(Request(Mixture.of(["group"]))).save(folder)
    return folder


@pytest.fixture(scope="module")
def guesses(base, adapter):
    return guess(load_asker(base, Train(), max_length=96, trained=adapter), GROUP, NEW)


@torch.no_grad()
def likely(model, tokenizer, row):
    """The softmax over both labels of the likelihood of the label with the end of text, one plain pass each."""
    logs = []
    for label in ("animal", "fruit"):
        start = tokenizer(f"Label with one of: animal, fruit.\nText: {row.fields['text']}\nLabel:").input_ids
        answer = [*tokenizer(f" {label}").input_ids, tokenizer.eos_token_id]
        logits = model(torch.tensor([start + answer])).logits[0].double().log_softmax(-1)
        logs.append(sum(float(logits[len(start) - 1 + at, token]) for at, token in enumerate(answer)))
    return torch.tensor(logs).softmax(0).tolist()


def test_guesses_are_those_of_plain_passes_with_peft(base, adapter, guesses):
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(adapter)).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    for made in guesses[:12]:
        animal, fruit = likely(model, tokenizer, made.row)
        assert made.label == ("animal" if animal >= fruit else "fruit")
        assert made.confidence == pytest.approx(max(animal, fruit), abs=1e-4)


def test_the_adapter_is_what_makes_them_right(base, guesses):
    bare = guess(load_asker(base, Train(), max_length=96), GROUP, NEW)
    assert [made.confidence for made in bare] != [made.confidence for made in guesses]
    assert precision(guesses, 0.0).right > precision(bare, 0.0).right
    assert precision(guesses, 0.0).share > 0.9


def test_a_row_s_own_answer_is_not_looked_at(base, adapter, guesses):
    asker = load_asker(base, Train(), max_length=96, trained=adapter)
    other = [replace(row, answer={"animal": "fruit", "fruit": "animal"}[row.answer]) for row in NEW]
    assert [(made.label, made.confidence) for made in guess(asker, GROUP, other)] == [
        (made.label, made.confidence) for made in guesses
    ]


def test_progress_counts_rows_and_no_rows_have_no_guesses(base):
    asker, told = load_asker(base, Train(), max_length=96), []
    assert len(guess(asker, GROUP, NEW, tell=told.append)) == len(NEW)
    assert told == [32, 40]
    assert guess(asker, GROUP, []) == []


def test_a_whole_model_stands_in_for_an_adapter(base, tmp_path):
    train, full = Train(lr=3e-3, batch_examples=12, max_length=96), Lora(method="full", layers="top-2")
    made = FineTune(base, [GROUP], targets=["group"], budget=Budget(steps=10), train=train, lora=full)
    made.fit(Request(Mixture.of(["group"]))).save(tmp_path / "full")
    assert not is_adapter(tmp_path / "full")
    found = guess(load_asker(base, Train(), max_length=96, trained=tmp_path / "full"), GROUP, NEW)
    assert found == guess(load_asker(str(tmp_path / "full"), Train(), max_length=96), GROUP, NEW)
    assert found != guess(load_asker(base, Train(), max_length=96), GROUP, NEW)


def test_an_adapter_of_another_model_or_a_damaged_one_is_refused(base, adapter, tmp_path):
    assert base_of(adapter) == base
    gpt2 = tiny.save_model(tmp_path / "gpt2", "gpt2")
    with pytest.raises(ValueError, match=r"Cannot put the adapter .* on the model .*gpt2.* It was trained on"):
        load_asker(gpt2, Train(), max_length=96, trained=adapter)
    cut = shutil.copytree(adapter, tmp_path / "cut")
    (cut / "adapter_model.safetensors").write_bytes((cut / "adapter_model.safetensors").read_bytes()[:99])
    with pytest.raises(ValueError, match=r"Cannot put the adapter .*cut"):
        load_asker(base, Train(), max_length=96, trained=cut)
    more = shutil.copytree(adapter, tmp_path / "more")
    config = json.loads((more / "adapter_config.json").read_text())
    config["target_modules"].append("lm_head")  # a module of which the folder has no weights
    (more / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="missing adapter keys"):
        load_asker(base, Train(), max_length=96, trained=more)
    (more / "adapter_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"adapter_config.json: not the configuration of an adapter"):
        load_asker(base, Train(), max_length=96, trained=more)


@pytest.fixture
def written(guesses, tmp_path):
    """The dataset of the guesses kept, as a study would name it, with the weights of classes as confidences."""
    kept = sure(guesses, 0.9)
    counts = {label: sum(made.label == label for made in kept) for label in GROUP.labels}
    dev, test = held_rows(GROUP, len(kept), seed=0)
    (tmp_path / "new").mkdir()
    write_pseudolabels(tmp_path / "new", GROUP, kept, {"dev": dev, "test": test}, class_weights(counts), {})
    entry = {**pool_entry(GROUP, "new", "new"), "columns": {"confidence": "class_weight"}}
    return load_task(dataset_spec(entry), tmp_path), class_weights(counts)


def test_mt_isa_weighs_classes_by_the_column(base, written):
    """Under lr 0 and without task weights it weighs an auxiliary row by its column, through the mean of the batch."""
    new, weights = written
    balance = Balance("mt_isa", {"lr": 0.0, "tasks": False})
    engine = fine_tune(base, (GROUP, new), balancer=balance).engine
    from cotune.training.balance.facts import facts_of

    facts = facts_of({"confidences"}, [GROUP, new], {}, {})
    largest = max(weights.values())
    for row in new.rows["train"]:
        assert facts.confidences["new", row.id] == pytest.approx(weights[row.answer] / largest, abs=1e-6)
    (trial,) = engine.run_all([Request(Mixture.of(["group", "new"]))])
    assert trial.error is None


def test_held_rows_are_dev_rows_in_two_parts():
    dev, test = held_rows(GROUP, 30, seed=0)
    assert (len(dev), len(test)) == (3, 3)
    assert {row.id for row in (*dev, *test)} <= {row.id for row in GROUP.rows["dev"]}
    assert not {row.id for row in dev} & {row.id for row in test}
    assert [len(part) for part in held_rows(GROUP, 1, seed=0)] == [1, 1]
