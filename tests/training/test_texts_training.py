"""Unlabelled texts in a training: next-token prediction on all of a text, at its share, like any other dataset."""

import random
from dataclasses import replace

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM

from cotune import Mixture, Request
from cotune.task import Row, Task, Template
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Mixing, Scoring, TaskTrain, Train
from cotune.training.advice import advice
from cotune.training.balance.facts import facts_of
from cotune.training.encode import Encoder
from cotune.training.loss.choice import LOSSES, PLAIN
from cotune.training.merge.choice import Merging
from cotune.training.pieces import pieces
from cotune.training.settings import SizePolicy
from cotune.training.tokens import LEAST_ROWS, StoredEncoder
from cotune.training.worth import SAMPLE, _mean_tokens

ONE_STEP = Train(lr=5e-3, batch_examples=8, max_length=64)


def texts_task(name="texts", *, rows=40, words=30):
    """Texts of two words that follow each other: what comes next can be learnt."""
    rng = random.Random(name)

    def text():
        start = rng.randrange(8)
        return " ".join(f"{tiny.ANIMALS[(start + at) % 8]} {tiny.FRUITS[start]}" for at in range(rng.randint(1, words)))

    made = [Row(f"{name}-{at}", {"text": said}, said) for at, said in enumerate(text() for _ in range(rows + 24))]
    splits = {"train": made[:rows], "dev": made[rows : rows + 12], "test": made[rows + 12 :]}
    return Task(name, "text", splits, template=Template("", "", empty=""), metric="none")


GROUP, TEXTS = tiny.group_task(), texts_task()


def fine_tune(model, *, tasks=(GROUP, TEXTS), train=ONE_STEP, budget=Budget(steps=4), **others):  # noqa: B008
    options = {"targets": ("group",), "lora": Lora(layers="top-2"), **others}
    return FineTune(model, tasks, budget=budget, train=train, **options)


def run(evaluate, *names, seed=0):
    (trial,) = evaluate([Request(Mixture.of(names), seed)])
    assert trial.error is None
    return trial


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("first", [None, "<turn>"])
def test_the_loss_of_a_text_is_that_of_a_plain_forward_pass(tmp_path, chat, first):
    name = tiny.save_model(tmp_path, chat=chat)
    tokenizer = tiny.make_tokenizer(chat=chat)
    tokenizer.bos_token = first
    tokenizer.save_pretrained(tmp_path)
    result = run(fine_tune(name, train=replace(ONE_STEP, max_length=300))).results["texts"]
    model = AutoModelForCausalLM.from_pretrained(name).eval()
    summed, counted = [], []
    for row in TEXTS.rows["dev"]:
        ids = tokenizer(row.fields["text"], add_special_tokens=False)["input_ids"]
        begin = tokenizer.eos_token_id if first is None else tokenizer.bos_token_id
        labels = torch.tensor([[begin, *ids, tokenizer.eos_token_id]])
        with torch.no_grad():
            summed.append(float(model(labels, labels=labels).loss) * (len(ids) + 1))
        counted.append(len(ids) + 1)
    assert result.score is None
    assert result.examples.ids == tuple(row.id for row in TEXTS.rows["dev"])
    assert result.examples.answer_tokens == tuple(counted)
    assert result.examples.losses == pytest.approx(summed, rel=1e-5)
    assert result.loss == pytest.approx(sum(summed) / sum(counted), rel=1e-5)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("max_length", [16, 17, 64, 1000])
def test_pieces_hold_the_tokens_of_a_text_each_once(chat, max_length):
    tokenizer = tiny.make_tokenizer(chat=chat)
    encoder, rows = Encoder(tokenizer), TEXTS.rows["train"]
    found = encoder.examples(TEXTS, rows, max_length=max_length)
    end = tokenizer.eos_token_id
    for row in rows:
        mine = [example for example in found if example.id.split("#")[0] == row.id]
        assert [example.id for example in mine] == [row.id, *(f"{row.id}#{n}" for n in range(2, len(mine) + 1))]
        joined = [token for example in mine for token in example.answer]
        assert joined == [*tokenizer(row.answer, add_special_tokens=False)["input_ids"], end]
        assert all(example.tokens == max_length for example in mine[:-1])
        assert all(end not in example.answer for example in mine[:-1])
    assert all(example.prompt == (end,) and not example.truncated for example in found)
    assert max(example.tokens for example in found) <= max_length
    assert (len(found) > len(rows)) == (max_length < 1000)


def test_a_scored_text_is_one_example_however_long():
    encoder, rows = Encoder(tiny.make_tokenizer()), TEXTS.rows["dev"]
    whole = encoder.examples(TEXTS, rows, max_length=1000, keep_all=True)
    cut = encoder.examples(TEXTS, rows, max_length=32, keep_all=True)
    assert [example.id for example in cut] == [row.id for row in rows]
    assert {example.truncated for example in cut} == {False, True}
    for one, other in zip(cut, whole, strict=True):
        assert one.ids == other.ids[:32]
        assert one.truncated == (other.tokens > 32)


def test_pieces_are_named_apart_from_every_row():
    rows = [Row(name, {}, "cat dog " * 9) for name in ("a", "a#2", "a##2")]
    task = replace(TEXTS, rows={"train": rows})
    found = Encoder(tiny.make_tokenizer()).examples(task, rows, max_length=16)
    assert len({example.id for example in found}) == len(found) > 3
    assert {row.id for row in rows} <= {example.id for example in found}


def test_kept_tokens_of_texts_are_those_that_are_made(model, tmp_path, monkeypatch):
    many = texts_task(rows=LEAST_ROWS)
    rows = many.rows["train"]
    for max_length, keep_all in ((24, False), (24, True), (60, False)):
        plain = Encoder(model.tokenizer).examples(many, rows, max_length=max_length, keep_all=keep_all)
        kept = StoredEncoder(model, style="auto", cache=tmp_path)
        assert kept.examples(many, rows, max_length=max_length, keep_all=keep_all) == plain
    monkeypatch.setattr(Encoder, "_tokens", None)  # by now they are read
    again = StoredEncoder(model, style="auto", cache=tmp_path).examples(many, rows, max_length=60)
    assert again == plain


def test_parts_of_three_to_one_are_the_ratio_of_the_training_tokens(random_base):
    evaluate = fine_tune(random_base, budget=Budget(tokens=4000), train=Train(batch_tokens=256, max_length=64))
    for parts in ({"group": 3, "texts": 1}, {"group": 1, "texts": 3}):
        request = Request(Mixture.of(parts))
        seen = next(iter(evaluate([request]))).exposure
        drawn = evaluate.engine.plan(request)
        for name in parts:
            mine = [example for example in drawn.examples if example.task == name]
            assert (seen[name].tokens, seen[name].examples) == (sum(e.tokens for e in mine), len(mine))
        gap = seen["group"].tokens / parts["group"] - seen["texts"].tokens / parts["texts"]
        assert abs(gap) <= 64  # one example
        assert sum(one.tokens for one in seen.values()) == pytest.approx(4000, abs=64)
        assert seen["texts"].truncated == 0


def test_training_on_texts_lowers_their_loss(base):
    evaluate = fine_tune(base, budget=Budget(steps=60), train=replace(ONE_STEP, lr=1e-2))
    before, after, other = (run(evaluate, *names).results["texts"].loss for names in ((), ("texts",), ("group",)))
    assert after < 0.7 * before
    assert after < 0.7 * other


WAYS = {
    "proportional": {"size_policy": SizePolicy("proportional", cap_epochs=2)},
    "trunk": {"train": replace(ONE_STEP, trunk="on")},
    "side by side": {"train": replace(ONE_STEP, width=2)},
    "balancer": {"train": replace(ONE_STEP, balancer=Balance("uncertainty"))},
    "rows": {"train": replace(ONE_STEP, balancer=Balance("density_ratio"))},
    "held out": {"train": replace(ONE_STEP, balancer=Balance("sample_reweighting"))},
    "mixer": {"train": replace(ONE_STEP, mixing=Mixing("grape", every=1, rows=4))},
    "merging": {"train": replace(ONE_STEP, merging=Merging("average"))},
    "curriculum": {"train": replace(ONE_STEP, curriculum=Curriculum("easy_to_hard"))},
    "weight": {"train": replace(ONE_STEP, overrides={"texts": TaskTrain(weight=2.0, loss="focal")})},
}


@pytest.mark.parametrize("way", WAYS)
def test_texts_go_with_every_way_of_training(random_base, way):
    evaluate = fine_tune(random_base, **WAYS[way])
    requests = [Request(Mixture.of(["group", "texts"]), seed) for seed in (0, 1)]
    found = list(evaluate(requests))
    for trial in found:
        assert trial.error is None
        assert trial.exposure["texts"].examples > 0
        assert trial.results["texts"].loss > 0
    plain = list(fine_tune(random_base, train=replace(ONE_STEP, trunk="off", width=1))(requests))
    is_same = [
        one.results["texts"].loss == pytest.approx(other.results["texts"].loss, rel=1e-5)
        for one, other in zip(sorted(found, key=lambda t: t.request.seed), plain, strict=True)
    ]
    assert is_same == [way in ("trunk", "side by side")] * 2


def test_texts_are_compared_by_their_tokens_where_rows_are():
    """All have one prompt, which tells nothing."""
    encoder = Encoder(tiny.make_tokenizer())
    pool = {task.name: encoder.examples(task, task.rows["train"], max_length=64) for task in (GROUP, TEXTS)}
    densities = facts_of({"densities"}, [GROUP, TEXTS], pool, {"group": pool["group"]}).densities
    assert len(densities) == len(pool["texts"])
    assert len(set(densities.values())) > 10


def test_a_text_counts_whole_where_rows_are_too_many_to_be_read(random_base):
    engine = fine_tune(random_base, train=replace(ONE_STEP, max_length=24)).engine
    rows = TEXTS.rows["train"][:SAMPLE]
    pool = engine.encoder.examples(TEXTS, rows, max_length=24)
    mean = _mean_tokens(engine.setup, engine.encoder, TEXTS, "train")
    assert mean == pytest.approx(sum(example.tokens for example in pool) / len(rows))
    assert mean > 24


def test_no_text_counts_as_left_out_or_cut(random_base):
    told = " ".join(advice(fine_tune(random_base, train=replace(ONE_STEP, max_length=48)).engine))
    assert "left out" not in told
    assert "cut to" not in told


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - PLAIN))
def test_losses_that_need_answers_refuse_texts(loss):
    numbers = replace(TEXTS, rows={"train": [Row(str(n), {"text": str(n)}, str(n)) for n in range(9)]})
    for task in (TEXTS, numbers):
        with pytest.raises(ValueError, match=f"Loss '{loss}' needs labels or other answers; 'texts' is of kind 'text'"):
            fine_tune(
                "nowhere", tasks=(GROUP, task), train=replace(ONE_STEP, overrides={"texts": TaskTrain(loss=loss)})
            )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"targets": ("texts",)}, "Dataset 'texts': A text dataset has no metric and is scored by its loss alone"),
        ({"scoring": Scoring(metric_for=("texts",))}, "Dataset 'texts': A text dataset has no metric"),
        ({"train": replace(ONE_STEP, balancer=Balance("private"))}, r"a text of \['texts'\] may be several of them"),
        ({"train": replace(ONE_STEP, overrides={"texts": TaskTrain(costs={"a": {"b": 1}})})}, "are of the losses"),
    ],
)
def test_what_a_text_cannot_be_is_refused_before_a_model_is_loaded(options, words):
    with pytest.raises(ValueError, match=words):
        fine_tune("nowhere", **options)


def test_pieces_of_one_token_are_whole():
    (whole,) = Encoder(tiny.make_tokenizer()).texts(TEXTS, TEXTS.rows["train"][:1])
    found = pieces([whole], 2)
    assert tuple(token for piece in found for token in piece.answer) == whole.answer
    assert {piece.tokens for piece in found} == {2}
