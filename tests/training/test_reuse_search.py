"""Adapters are put together layer by layer as peft itself would run them, and what is written is what was measured."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from cotune import Mixture, Request
from cotune.training import Budget, FineTune, Lora, Train
from cotune.training.encode import Encoder
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.model import LanguageModel, load_model
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.reuse import held
from cotune.training.reuse.folders import find_adapters, read_adapters
from cotune.training.reuse.library import shelved
from cotune.training.reuse.reader import Reader
from cotune.training.reuse.search import draw, opened
from cotune.training.trunk import Trunk

LENGTH = 64


def load(base):
    return load_model(str(base), train=Train(), lora=Lora())


def write_adapter(base, folder, *, seed=0, **config):
    """Has peft write an adapter with random factors, as others do."""
    module = AutoModelForCausalLM.from_pretrained(base)
    chosen = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **config}
    adapter = get_peft_model(module, LoraConfig(**chosen))
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapter.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn_like(weight) * 0.15)
    adapter.save_pretrained(folder, save_embedding_layers=False)
    return folder


def rows_of(model, rows=20):
    task = tiny.group_task(rows=rows)
    return Encoder(model.tokenizer).examples(task, task.rows["train"], max_length=LENGTH, keep_all=True)


def losses_in_peft(base, folder, examples):
    """Gives the summed loss of each row with the adapter in `folder` as peft loads it, by plain whole passes."""
    module = AutoModelForCausalLM.from_pretrained(base).eval()
    if folder is not None:
        module = PeftModel.from_pretrained(module, folder).eval()
    losses = []
    with torch.no_grad():
        for example in examples:
            logits = module(input_ids=torch.tensor([example.ids])).logits[0, list(example.predictors)]
            chances = logits.log_softmax(-1)[range(len(example.answer)), list(example.answer)]
            losses.append(-float(chances.sum()))
    return np.array(losses)


@pytest.fixture(params=tiny.FAMILIES)
def family(request, tmp_path):
    """A base model with a library whose adapters differ in rank, scale, modules and layers."""
    base = tiny.save_model(tmp_path / "base", request.param)
    few = ["c_attn"] if request.param == "gpt2" else ["q_proj", "v_proj"]
    most = ["c_attn", "c_fc"] if request.param == "gpt2" else ["k_proj", "o_proj", "up_proj"]
    write_adapter(base, tmp_path / "all", seed=1)
    write_adapter(base, tmp_path / "few.v1", seed=2, r=3, use_rslora=True, target_modules=few)
    write_adapter(base, tmp_path / "top", seed=3, r=2, target_modules=most, layers_to_transform=[2, 3], lora_alpha=5)
    return base, [tmp_path / name for name in ("all", "few.v1", "top")]


def test_each_adapter_whole_is_what_peft_loads_and_the_model_is_left_as_it_was(family):
    base, folders = family
    model = load(base)
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    examples = rows_of(model)
    with shelved(model, read_adapters(folders, model)) as library:
        assert [stored.label for stored in library.adapters] == ["all", "few.v1", "top"]
        assert library.options == ((0, 1), (0, 1), (0, 1, 2), (0, 1, 2))
        assert library.whole(2) == (None, None, 2, 2)
        reader = Reader(library, ForestDecoder(model), None, examples)
        for pick, folder in [(library.none, None), *zip(map(library.whole, range(3)), folders, strict=True)]:
            assert reader.losses(pick) == pytest.approx(losses_in_peft(base, folder, examples), rel=2e-4), folder
    after = model.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_a_pick_that_is_written_has_the_same_losses_in_peft(family, tmp_path):
    base, folders = family
    model = load(base)
    examples = rows_of(model)
    with opened(base, folders, Train(), max_length=LENGTH, cache=None, tell=print) as shelf:
        reader = Reader(shelf.library, PaddedDecoder(shelf.library.model), None, examples)
        for number, pick in enumerate([(0, 1, 2, None), (1, 1, 0, 2), (None, None, None, 1)]):
            measured = reader.losses(pick)
            shelf.save(pick, tmp_path / str(number))
            assert losses_in_peft(base, tmp_path / str(number), examples) == pytest.approx(measured, rel=2e-4), pick
    config = json.loads((tmp_path / "1" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == base
    assert sorted({*config["rank_pattern"].values(), config["r"]}) == [2, 3, 4]
    stored, own = (load_file(folder / "adapter_model.safetensors") for folder in (folders[2], tmp_path / "1"))
    top = [name for name in own if ".3." in name]
    assert top
    assert all(torch.equal(own[name], stored[name]) for name in top)


def test_from_held_states_a_pick_reads_as_from_the_start(family):
    base, folders = family
    model = load(base)
    examples = rows_of(model, rows=60)
    picks = [(0, 1, 2, None), (0, 1, 2, 0), (0, 1, None, 1), (0, 0, 2, None), (1, 1, 2, None), (0, 1, 2, None)]
    with shelved(model, read_adapters(folders, model)) as library:
        plain = Reader(library, PaddedDecoder(model), None, examples)
        fast = Reader(library, ForestDecoder(model), None, examples)
        plain.hold(picks[0])  # it has nothing to hold with
        fast.hold(picks[0])
        for pick in picks:
            assert fast.losses(pick) == pytest.approx(plain.losses(pick), rel=2e-4), pick


def test_only_layers_from_the_changed_one_on_run_and_below_all_adapters_none(model, monkeypatch, tmp_path):
    base = tmp_path / "base"
    model.module.save_pretrained(base)
    folder = write_adapter(
        base, tmp_path / "upper", target_modules=["q_proj", "up_proj"], layers_to_transform=[1, 2, 3]
    )
    model = replace(model, name=str(base))
    ran = []
    with shelved(model, read_adapters([folder], model)) as library:
        assert library.lowest == 1
        trunk = Trunk(model, library.lowest)
        reader = Reader(library, ForestDecoder(model, trunk), trunk, rows_of(model))
        for place, layer in enumerate(model.layers):
            layer.self_attn.register_forward_pre_hook(lambda *_, place=place: ran.append(place))

        def layers_of(work):
            ran.clear()
            work()
            return sorted(set(ran))

        pick = library.whole(0)
        assert layers_of(lambda: reader.losses(pick)) == [1, 2, 3]
        assert layers_of(lambda: reader.hold(pick)) == [1, 2, 3]
        assert layers_of(lambda: reader.losses((None, 0, 0, None))) == [3]
        assert layers_of(lambda: reader.losses((None, 0, None, None))) == [2, 3]
        assert layers_of(lambda: reader.losses((None, None, 0, 0))) == [1, 2, 3]
        size = sum(len(states) * 32 * 4 for states in reader._held.layers[3].packs.values())
        monkeypatch.setattr(held, "HELD_BYTES", size)  # there is room for one layer: the topmost
        reader.hold(pick)
        assert layers_of(lambda: reader.losses((None, 0, 0, None))) == [3]
        assert layers_of(lambda: reader.losses((None, 0, None, None))) == [1, 2, 3]


@pytest.fixture(scope="module")
def planted(base, tmp_path_factory):
    """An adapter that learned its task, and two that hold its upper and its lower layers, the others being noise."""
    place = tmp_path_factory.mktemp("planted")
    task = tiny.group_task(rows=200)
    fine_tune = FineTune(
        base,
        [task],
        targets=["group"],
        budget=Budget(steps=60),
        train=Train(lr=1e-2, batch_examples=12, max_length=LENGTH),
        lora=Lora(rank=4, layers="top-3"),
    )
    adapter = fine_tune.fit(Request(Mixture.of(["group"])))
    untrained, trained = (fine_tune.score(which, split="dev")["group"].loss for which in (None, adapter))
    assert trained < 0.5 * untrained
    adapter.save(place / "learned")
    torch.manual_seed(5)
    for name, right in (("upper", ("layers.3.",)), ("lower", ("layers.1.", "layers.2."))):
        state = {
            key: weight if any(layer in key for layer in right) else torch.randn_like(weight) * weight.std()
            for key, weight in adapter.state.items()
        }
        replace(adapter, state=state).save(place / name)
    return base, task, place, trained


def test_a_planted_split_is_found_and_is_worth_what_the_whole_is(planted, tmp_path):
    base, task, place, trained = planted
    drawn = draw(task, count=150, dev=None, seed=0, dev_seed=0)
    folders = [place / "upper", place / "lower"]
    told = []
    with opened(base, folders, Train(), max_length=LENGTH, cache=tmp_path / "cache", tell=told.append) as shelf:
        found = shelf.search(task, drawn, passes=4, tell=told.append)
        assert found.pick.pick == (None, 1, 1, 0)
        assert found.descent.is_settled
        assert found.readings <= shelf.most_readings(4)
        assert found.pick.dev == pytest.approx(trained, rel=1e-3)
        assert found.pick.train < min(one.train for one in (found.none, *found.wholes))
        assert found.wholes[found.best].gap.interval()[1] < 0
        assert found.pick.gap is None
        shelf.save(found.pick.pick, tmp_path / "picked")
        dev = shelf._encode(task, drawn.dev)
    tokens = sum(len(example.answer) for example in dev)
    assert losses_in_peft(base, tmp_path / "picked", dev).sum() / tokens == pytest.approx(found.pick.dev, rel=1e-4)
    assert {progress.stage for progress in told} >= {"reading adapters", "choosing layers, pass 1", "measuring on dev"}


def test_what_was_learned_beats_noise_in_every_layer_so_nothing_changes(planted):
    base, task, place, _ = planted
    drawn = draw(task, count=60, dev=None, seed=0, dev_seed=0)
    folders = [place / "learned", place / "upper"]
    with opened(base, folders, Train(), max_length=LENGTH, cache=None, tell=print) as shelf:
        found = shelf.search(task, drawn, passes=2, tell=print)
    changed = {change.layer for change in found.descent.changes if change.after == 1}
    assert found.best == 0
    assert changed <= {3}  # the layer that both have


def test_the_same_rows_give_the_same_pick(planted):
    base, task, place, _ = planted
    drawn = draw(task, count=40, dev=8, seed=1, dev_seed=0)
    assert draw(task, count=40, dev=8, seed=1, dev_seed=0) == drawn
    assert draw(task, count=40, dev=8, seed=2, dev_seed=0) != drawn
    with opened(base, [place / "upper", place / "lower"], Train(), max_length=LENGTH, cache=None, tell=print) as shelf:
        assert shelf.search(task, drawn, passes=2, tell=print) == shelf.search(task, drawn, passes=2, tell=print)


def test_a_dataset_with_too_few_rows_is_refused():
    task = tiny.group_task(rows=10)
    short = replace(task, rows={"train": task.rows["train"][:1], "dev": task.rows["dev"]})
    with pytest.raises(ValueError, match=r"'group' has 1 train and 12 dev rows; .* takes two of each"):
        draw(short, count=9, dev=None, seed=0, dev_seed=0)


@pytest.fixture(scope="module")
def plain(random_base, tmp_path_factory):
    """A folder with a plain adapter of the random model, to be spoiled."""
    return write_adapter(random_base, tmp_path_factory.mktemp("plain") / "plain")


def spoiled(plain, place, *, config=(), weights=lambda state: state):
    shutil.copytree(plain, place)
    told = json.loads((place / "adapter_config.json").read_text())
    (place / "adapter_config.json").write_text(json.dumps({**told, **dict(config)}))
    state = weights(load_file(place / "adapter_model.safetensors"))
    save_file(state, place / "adapter_model.safetensors")
    return place


def first(state):
    return next(iter(state))


REFUSED = {
    "another type": ({"peft_type": "IA3"}, None, "is of type .*IA3; only plain LoRA"),
    "dora": ({"use_dora": True}, None, r"more than plain LoRA \(use_dora: True\)"),
    "pissa": ({"init_lora_weights": "pissa"}, None, r"more than plain LoRA \(init_lora_weights: 'pissa'\)"),
    "a bias": ({"bias": "all"}, None, r"more than plain LoRA \(bias: 'all'\)"),
    "a later kind": ({"use_newer": {"a": 1}}, None, r"more than plain LoRA \(use_newer: "),
    "saved modules": ({"modules_to_save": ["lm_head"]}, None, r"\(modules_to_save: "),
    "another base": ({"base_model_name_or_path": "org/other"}, None, "was trained on 'org/other', the study's model"),
    "half of it": ({}, lambda s: {k: w for k, w in s.items() if k != first(s)}, "it lacks 'base_model.*lora_"),
    "an embedding": (
        {},
        lambda s: {**s, "base_model.model.model.embed_tokens.lora_A.weight": torch.ones(2, 2)},
        "is not LoRA of linear modules",
    ),
    "another width": (
        {},
        lambda s: {k: torch.cat([w, w], -1) for k, w in s.items()},
        "does not fit .* the module maps 64 to 32",
    ),
    "another rank": ({"r": 5}, None, "of rank 4 for .*, its configuration says 5"),
    "nothing": ({}, lambda s: {}, "it holds nothing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_plain_adapter_of_the_model_is_refused_in_one_line(case, plain, random_base, tmp_path):
    config, weights, message = REFUSED[case]
    folder = spoiled(plain, tmp_path / "adapter", config=config, weights=weights or (lambda state: state))
    with (
        pytest.raises(ValueError, match=message) as refused,
        opened(random_base, [folder], Train(), max_length=LENGTH, cache=None, tell=print),
    ):
        pass
    assert str(folder) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_an_adapter_without_numbers_is_told(plain, random_base, tmp_path):
    folder = spoiled(plain, tmp_path / "broken", weights=lambda state: {k: w * float("nan") for k, w in state.items()})
    task = tiny.group_task()
    drawn = draw(task, count=8, dev=8, seed=0, dev_seed=0)
    with (
        opened(random_base, [folder], Train(), max_length=LENGTH, cache=None, tell=print) as shelf,
        pytest.raises(ValueError, match=r"^Losses with broken are not finite\. Leave it out\.$"),
    ):
        shelf.search(task, drawn, passes=1, tell=print)


def test_a_damaged_file_is_told(plain, random_base, tmp_path):
    model = load(random_base)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        folder = tmp_path / name
        shutil.copytree(plain, folder)
        (folder / name).write_bytes(b"{")
        with pytest.raises(ValueError, match=r"cannot be read: .* Fetch or save it again"):
            read_adapters([folder], model)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no adapter: neither it nor a folder in it has adapter_config"):
        find_adapters([folder])


def test_a_base_is_known_by_its_content_wherever_it_lies(plain, random_base, tmp_path):
    copy = shutil.copytree(random_base, tmp_path / "copy")
    other = tiny.save_model(tmp_path / "other", "qwen2")
    (stored,) = read_adapters([plain], load(copy))
    assert stored.label == "plain"
    with pytest.raises(ValueError, match=r"was trained on .* Leave it out, or give the study that model"):
        read_adapters([plain], load(other))
    nameless = spoiled(plain, tmp_path / "nameless", config={"base_model_name_or_path": None})
    moved = spoiled(plain, tmp_path / "moved", config={"base_model_name_or_path": "org/copy"})
    assert len(read_adapters([nameless, moved], load(copy))) == 2


def test_adapters_are_found_in_a_folder_of_them_and_named_apart(plain, tmp_path):
    for place in ("x/same", "y/same", "y/other"):
        shutil.copytree(plain, tmp_path / place)
    found = find_adapters([tmp_path / "x" / "same", tmp_path / "y"])
    assert found == [tmp_path / "x" / "same", tmp_path / "y" / "other", tmp_path / "y" / "same"]
    with pytest.raises(ValueError, match=r"are given once each; \[.*same'\] are given twice"):
        find_adapters([tmp_path / "x" / "same", tmp_path / "x"])
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        find_adapters([tmp_path / "z"])


def test_labels_are_folders_names_where_these_differ(plain, random_base, tmp_path):
    folders = [shutil.copytree(plain, tmp_path / place) for place in ("x/same", "y/same", "y/other")]
    labels = [stored.label for stored in read_adapters(folders, load(random_base))]
    assert labels == [str(folders[0]), str(folders[1]), "other"]


def test_an_adapter_that_cotune_wrote_is_read(model, tmp_path):
    model.module.save_pretrained(tmp_path / "base")
    named = LanguageModel(str(tmp_path / "base"), model.module, model.tokenizer, model.fingerprint)
    with adapted(named, Lora(rank=4, layers="top-2"), seed=0) as trainee:
        state = trainee.state()
        trainee.save(tmp_path / "adapter")
    (stored,) = read_adapters([tmp_path / "adapter"], named)
    assert {name: tuple(weight.shape) for name, weight in stored.state.items()} == {
        name: tuple(weight.shape) for name, weight in state.items()
    }
