"""Elements are what the model says, refined until they show the label, as sure as plain forward passes say."""

import json
import random
from dataclasses import replace

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cotune import Mixture, Request
from cotune.config.pool import without_leaks
from cotune.task import Row, Template
from cotune.tasks import load_task, render
from cotune.tasks.elements import check_elements, with_elements, write_elements
from cotune.tasks.spec import DatasetSpec
from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.elements import LONGEST_ELEMENT, Item, construct, draw, load_asker

GROUP = tiny.group_task("group", rows=40)
TWO = ("aspect", "opinion")
ASPECT = "Name the aspect in this text, in a few words."
OPINION = "Name the opinion in this text, in a few words."


@pytest.fixture(scope="module")
def asker(random_base):
    return load_asker(random_base, Train(), max_length=160)


@pytest.fixture(scope="module")
def plain(random_base):
    """Gives the model's greedy answer to a question, and its labels' likelihoods, by transformers alone."""
    return Plain(random_base)


class Plain:
    def __init__(self, base):
        self.model, self.tokenizer = (
            AutoModelForCausalLM.from_pretrained(base).eval(),
            AutoTokenizer.from_pretrained(base),
        )

    @torch.no_grad()
    def says(self, question):
        ids = self.tokenizer(f"{question}\nAnswer:", return_tensors="pt").input_ids
        out = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=LONGEST_ELEMENT
        )
        text = self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()
        return text.splitlines()[0].strip() if text else ""

    @torch.no_grad()
    def sure(self, prompt, gold):
        """The softmax over two labels: exp(log p(gold)) / (exp(log p(animal)) + exp(log p(fruit)))."""
        logs = {}
        for label in ("animal", "fruit"):
            start = self.tokenizer(prompt).input_ids
            answer = [*self.tokenizer(f" {label}").input_ids, self.tokenizer.eos_token_id]
            logits = self.model(torch.tensor([start + answer])).logits[0].double().log_softmax(-1)
            logs[label] = sum(float(logits[len(start) - 1 + at, token]) for at, token in enumerate(answer))
        likely = {label: torch.tensor(value).exp() for label, value in logs.items()}
        return float(likely[gold] / (likely["animal"] + likely["fruit"]))


def prompt(row, elements):
    lines = "".join(f"\n{name.capitalize()}: {said}" for name, said in elements.items() if said)
    return f"Label with one of: animal, fruit.\nText: {row.fields['text']}{lines}\nLabel:"


def both_ways(rows):
    """Each row with either label as the gold one: with one of them it is the most likely, with the other not."""
    return [replace(row, answer=label) for row in rows for label in ("animal", "fruit")]


def test_elements_and_confidence_are_those_of_plain_passes(asker, plain):
    rows = both_ways(GROUP.rows["train"][:6])
    items = construct(asker, GROUP, rows, TWO, rounds=0)
    assert [item.row for item in items] == rows
    for item in items:
        text = item.row.fields["text"]
        assert dict(item.elements) == {
            "aspect": plain.says(f"{ASPECT}\n{text}"),
            "opinion": plain.says(f"{OPINION}\n{text}"),
        }
        sure = plain.sure(prompt(item.row, item.elements), item.row.answer)
        assert item.confidence == pytest.approx(sure, abs=1e-4)
        assert item.is_shown == (sure > 0.5)
    for one, other in zip(items[::2], items[1::2], strict=True):
        assert one.confidence + other.confidence == pytest.approx(1.0)
        assert one.is_shown != other.is_shown
    assert any(item.elements["aspect"] for item in items)


@pytest.mark.parametrize("rounds", [1, 2])
def test_elements_are_asked_for_again_with_the_label_until_they_show_it(asker, plain, rounds):
    rows = both_ways(GROUP.rows["train"][:6])
    items = construct(asker, GROUP, rows, TWO, rounds=rounds)
    refined = 0
    for item in items:
        tried = [tried_by_hand(plain, item.row, None)]
        while tried[-1][1] <= 0.5 and len(tried) <= rounds:
            tried.append(tried_by_hand(plain, item.row, tried[-1][0]))
        shown = [pair for pair in tried if pair[1] > 0.5]
        said, sure = shown[0] if shown else max(tried, key=lambda pair: pair[1])
        assert (dict(item.elements), item.is_shown) == (said, bool(shown))
        assert item.confidence == pytest.approx(sure, abs=1e-4)
        assert item.round == tried.index((said, sure))
        refined += len(tried) > 1
    assert refined == len(items) / 2


def tried_by_hand(plain, row, before):
    """Gives the elements of one round and how sure they make the gold label."""
    text = row.fields["text"]
    said = {}
    for name in TWO:
        if before is None:
            asked = f"Name the {name} in this text, in a few words."
        elif before[name]:
            asked = f"The label of this text is {row.answer}, which the {name} '{before[name]}' does not show."
            asked += " Name one that does."
        else:
            asked = f"The label of this text is {row.answer}. Name the {name} that shows it, in a few words."
        said[name] = plain.says(f"{asked}\n{text}")
    return said, plain.sure(prompt(row, said), row.answer)


def test_elements_stand_below_the_last_field_that_the_prompt_names():
    pair = replace(GROUP, kind="pair_classification", template=Template("", "{text_b}\n{text_a}\nLabel:"))
    row = Row("r", {"text_a": "one {x}", "text_b": "two"}, "animal")
    changed = with_elements(pair, row, {"aspect": "a {y}", "point of view": "", "opinion": "o"})
    assert render(pair, changed).prompt == "two\none {x}\nAspect: a {y}\nOpinion: o\nLabel:"


def test_rows_are_of_train_and_dev_alone_and_a_seed_draws_them():
    drawn = draw(GROUP, count=20, seed=1)
    assert [len(rows) for rows in drawn] == [20, 2, 2]
    assert {row.id for row in drawn.train} < {row.id for row in GROUP.rows["train"]}
    held = {row.id for row in drawn.dev} | {row.id for row in drawn.test}
    assert len(held) == 4
    assert held < {row.id for row in GROUP.rows["dev"]}
    assert drawn == draw(GROUP, count=20, seed=1) != draw(GROUP, count=20, seed=2)
    assert draw(GROUP, count=None, seed=0).train == tuple(GROUP.rows["train"])
    with pytest.raises(ValueError, match="40 train and 1 dev rows"):
        draw(replace(GROUP, rows={**GROUP.rows, "dev": GROUP.rows["dev"][:1]}), count=None, seed=0)


@pytest.fixture(scope="module")
def written(asker, tmp_path_factory):
    """The folder of both datasets, and the items that they were written from."""
    folder = tmp_path_factory.mktemp("elements")
    items = {
        split: construct(asker, GROUP, rows, TWO, rounds=1)
        for split, rows in draw(GROUP, count=None, seed=0)._asdict().items()
    }
    for element in TWO:
        write_elements(folder / f"group-{element}", GROUP, element, items, {"seed": 0})
    return folder, items


def loaded(folder, element, *, has_confidence=True):
    columns = {"confidence": "confidence"} if has_confidence else {}
    return load_task(DatasetSpec(f"group-{element}", f"group-{element}", columns=columns), folder)


def test_what_is_written_is_asked_as_it_will_be_trained(written):
    folder, items = written
    for element, asked in (("aspect", ASPECT), ("opinion", OPINION)):
        task = loaded(folder, element)
        assert task.kind == "generation"
        for split, made in items.items():
            kept = [item for item in made if item.elements[element]]
            rows = task.rows[split]
            assert [row.id for row in rows] == [item.row.id for item in kept]
            assert [row.answer for row in rows] == [item.elements[element] for item in kept]
            for row, item in zip(rows, kept, strict=True):
                assert 0 <= float(row.fields["confidence"]) <= 1
                assert float(row.fields["confidence"]) == pytest.approx(item.confidence, abs=1e-6)
                assert render(task, row).prompt == f"{asked}\n{item.row.fields['text']}\nAnswer:"
        assert json.loads((folder / f"group-{element}" / "dataset.json").read_text())["element"] == element


def test_the_texts_in_an_auxiliary_cost_the_dataset_itself_no_row(written):
    def at_length(row):
        rng = random.Random(row.id)
        return replace(row, fields={"text": " ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(60))})

    long = replace(GROUP, rows={split: [at_length(row) for row in rows] for split, rows in GROUP.rows.items()})
    folder = written[0] / "long"
    folder.mkdir()
    made = {
        split: [Item(row, {"aspect": "it"}, 0.5, is_shown=True) for row in rows]
        for split, rows in draw(long, count=None, seed=0)._asdict().items()
    }
    write_elements(folder / "group-aspect", long, "aspect", made, {})
    pool = (long, loaded(folder, "aspect"))
    assert [len(task.rows["train"]) for task in without_leaks(pool, "drop")] == [40, 40]
    (folder / "group-aspect" / "dev.jsonl").unlink()
    (folder / "group-aspect" / "test.jsonl").unlink()
    with pytest.raises(ValueError, match="stand in dev or test rows"):  # why held-out rows are written at all
        without_leaks((long, loaded(folder, "aspect")), "refuse")


def test_a_few_steps_under_mt_isa_use_the_confidences(random_base, written):
    told, untold = (
        (GROUP, *(loaded(written[0], element, has_confidence=has) for element in TWO)) for has in (True, False)
    )
    output, both = ({"strategy": strategy, "tasks": False, "lr": 0.0} for strategy in ("output", "both"))
    weights = [trained(random_base, tasks, output) for tasks in (told, untold)]
    assert weights[0].keys() == {"group", "group-aspect", "group-opinion"}
    assert weights[0] != weights[1]
    assert trained(random_base, told, both)
    with pytest.raises(ValueError, match="confidence; none of"):
        trained(random_base, untold, both)


def trained(base, tasks, options):
    """Gives the mean weights of the datasets over three steps."""
    train = Train(lr=3e-3, batch_examples=12, max_length=160, balancer=Balance("mt_isa", options))
    evaluate = FineTune(base, tasks, targets=["group"], budget=Budget(steps=3), train=train, lora=Lora(layers="top-1"))
    (trial,) = evaluate([Request(Mixture.of(task.name for task in tasks))])
    assert trial.error is None
    assert len(trial.train_loss) == 3
    return dict(trial.balancing.weights)


def test_an_element_that_was_never_named_has_no_dataset(tmp_path):
    items = {"train": [Item(GROUP.rows["train"][0], {"aspect": ""}, 0.5, is_shown=True)]}
    with pytest.raises(ValueError, match="named no 'aspect' in any train row of 'group'"):
        write_elements(tmp_path / "none", GROUP, "aspect", items, {})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("task", "elements", "said"),
    [
        (tiny.echo_task(), TWO, "is of kind generation with 0 labels"),
        (replace(GROUP, labels=("animal",)), TWO, "with 1 labels"),
        (GROUP, (), "one or more different words"),
        (GROUP, ("aspect", " "), "one or more different words"),
        (GROUP, ("point of view", "point  of view"), "one or more different words"),
        (GROUP, ("a/b",), "without slashes"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(task, elements, said):
    with pytest.raises(ValueError, match=said):
        check_elements(task, elements)


def test_a_model_that_reads_too_few_tokens_is_refused(random_base):
    with pytest.raises(ValueError, match=r"reads 512 tokens; a prompt and an output need 516. Lower train.max_length"):
        load_asker(random_base, Train(), max_length=500)
