"""The converter of the biomedical example: tiny hand-written clones become rows that cotune reads and can express."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cotune.config import load_config
from cotune.tasks import load_task, lost_rows

BIOMED = Path(__file__).parent.parent / "examples" / "biomed"
ARTICLE = (
    "Results\n"
    "TRAF2 binds  CD40 (see Fig. 1A).\tIt phosphorylates prot. A65 and so activates TRAF2 expression. "
    "A gift of Dr. B. Smith showed no TRAF2.\n"
)
EVENTS = (
    "E1\tBinding:T4 Theme:T1 Theme2:T2",
    "E2\tPhosphorylation:T5 Theme:T3 Cause:T2",  # CD40 is in another sentence
    "E3\tPhosphorylation:T5 Theme:T3",  # reads as E2 without its cause
    "E4\tPositive_regulation:T6 Theme:E5",
    "E5\tGene_expression:T7 Theme:T1",  # TRAF2 is in another sentence
    "M1\tNegation E1",
)


def save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def marks(text: str, names: Sequence[str], kinds: Sequence[str], first: int) -> str:
    places = [(text.index(name), name) for name in names]
    named = enumerate(zip(places, kinds, strict=True), start=first)
    return "".join(f"T{i}\t{kind} {start} {start + len(name)}\t{name}\n" for i, ((start, name), kind) in named)


def save_article(folder: Path, name: str, protein: str) -> None:
    text = ARTICLE.replace("TRAF2", protein)
    triggers = ("binds", "phosphorylates", "activates", "expression")
    kinds = ("Binding", "Phosphorylation", "Positive_regulation", "Gene_expression")
    save(folder / f"{name}.txt", text)
    save(folder / f"{name}.a1", marks(text, [protein, "CD40", "prot. A65"], ["Protein"] * 3, 1))
    save(folder / f"{name}.a2", marks(text, triggers, kinds, 4) + "\n".join(EVENTS) + "\n")


def phee_line(name: str, drug: str) -> str:
    event = {
        "event_id": "E1",
        "event_type": "Adverse_event",
        "Trigger": {"text": [["after"]], "start": [[21]], "entity_id": ["T1"]},
        "Effect": {"text": [["rash"]], "start": [[16]], "entity_id": ["T2"]},
        "Treatment": {
            "text": [["oral", drug]],
            "start": [[27, 36]],
            "entity_id": ["T3"],
            "Route": {"text": [["oral"]], "start": [[27]], "entity_id": ["T4"]},
            "Drug": {"text": [[drug]], "start": [[36]], "entity_id": ["T5"]},
            "Combination": [{"event_id": "E2", "event_type": "Combination"}],
        },
        "Speculated": {"text": [["may"]], "start": [[0]], "entity_id": ["T6"], "value": True},
    }
    text = f"Two men had mild rash after oral  high {drug} doses."
    return json.dumps({"id": name, "context": text, "annotations": [{"events": [event]}]}) + "\n"


def fewrel_entry(tokens: str, head: Sequence[int], tail: Sequence[int]) -> dict[str, object]:
    words = tokens.split()
    names = [" ".join(words[place] for place in places) for places in (head, tail)]
    return {"tokens": words, "h": [names[0], "C1", [list(head)]], "t": [names[1], "C2", [list(tail)]]}


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    folder = tmp_path / "clones"
    for split, drug in (("train", "aspirin"), ("dev", "heparin"), ("test", "lithium")):
        save(folder / "PHEE" / "data" / "json" / f"{split}.json", phee_line(f"7_{split}", drug))
    save(folder / "PHEE" / "data" / "json" / "train.json", phee_line("7_1", "aspirin") + phee_line("7_2", "Lithium"))
    genia = folder / "bionlp-st-2013-ge" / "original-data"
    save_article(genia / "train", "PMC-1-05-Materials and Methods", "TRAF2")
    save_article(genia / "devel", "PMC-1134658-00-TIAB", "TRAF3")
    save_article(genia / "devel", "PMC-1920263-00-TIAB", "TRAF4")
    for part, kind in (("BC5CDR-disease", "Disease"), ("BC5CDR-chem", "Chemical"), ("AnatEM", "Anatomy")):
        for file in ("train", "devel", "test"):
            columns = f"Figure\tO\n1\tO\n\nSome\tO\n{file}\tB-{kind}\nof\tI-{kind}\nit\tO\n.\tO\n\n"
            save(folder / "MTL-Bioinformatics-2016" / "data" / f"{part}-IOB" / f"{file}.tsv", columns)
    entries = {
        "ingredient_of": [fewrel_entry(f"the pill a{i} has x{i} .", [1, 2], [4]) for i in range(10)],
        "occurs_in": [fewrel_entry(f"b{i} is seen in men .", [0], [4]) for i in range(9)]
        + [fewrel_entry("the pill a3 has x3 .", [2], [0])],
    }
    save(folder / "FewRel" / "data" / "val_pubmed.json", json.dumps(entries))
    return folder


def convert(clones: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BIOMED / "convert.py"), "--from", str(clones), "--to", str(to)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rows(folder: Path, split: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(clones: Path, tmp_path: Path) -> Path:
    done = convert(clones, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


def test_the_study_loads_every_set_and_can_express_every_row(data: Path) -> None:
    specs = [spec for spec in load_config(BIOMED / "study_phee.yaml").datasets if spec.path.startswith("data/")]
    assert {spec.name for spec in specs} == {folder.name for folder in data.iterdir()}
    for spec in specs:
        task = load_task(spec, data.parent)
        assert lost_rows(task) == ()
        assert all(task.rows[split] for split in ("train", "dev", "test"))
        assert task.licence != "unknown"
        assert "github.com" in task.source


def test_phee_names_parts_of_arguments_and_keeps_texts_out_of_train_that_are_in_test(data: Path) -> None:
    argument = [("Treatment", "oral"), ("Treatment", "aspirin"), ("Treatment.Drug", "aspirin")]
    argument += [("Treatment.Route", "oral"), ("Effect", "rash")]
    arguments = [{"role": role, "text": text} for role, text in argument]
    event = {"type": "Adverse_event", "trigger": "after", "arguments": arguments}
    text = "Two men had mild rash after oral high aspirin doses."
    assert rows(data / "phee", "train") == [{"id": "phee-7_1", "text": text, "events": [event]}]


def test_articles_become_sentences_with_the_events_in_them(data: Path) -> None:
    first, second, third = rows(data / "genia2013", "train")
    assert " ".join(["Results", *(str(row["text"]) for row in (first, second, third))]) == " ".join(ARTICLE.split())
    assert first["id"] == "genia2013-PMC-1-05-Materials_and_Methods-s001"
    themes = [{"role": "Theme", "text": "TRAF2"}, {"role": "Theme", "text": "CD40"}]
    assert first["events"] == [{"type": "Binding", "trigger": "binds", "arguments": themes}]
    assert second["events"] == [
        {"type": "Phosphorylation", "trigger": "phosphorylates", "arguments": [{"role": "Theme", "text": "prot. A65"}]},
        {
            "type": "Positive_regulation",
            "trigger": "activates",
            "arguments": [{"role": "Theme", "text": "expression"}],
        },
        {"type": "Gene_expression", "trigger": "expression", "arguments": []},
    ]
    assert third["events"] == []


def test_development_articles_are_dev_or_test_as_a_whole(data: Path) -> None:
    for split, article in (("dev", "PMC-1134658"), ("test", "PMC-1920263")):
        names = [f"genia2013-{article}-00-TIAB-s{i:03}" for i in (1, 2, 3)]
        assert [row["id"] for row in rows(data / "genia2013", split)] == names


def test_columns_become_tokens_and_tags_without_the_shortest_sentences(data: Path) -> None:
    tags = ["O", "B-Chemical", "I-Chemical", "O", "O"]
    row = {"id": "bc5cdr_chem-dev-00001", "tokens": ["Some", "devel", "of", "it", "."], "tags": tags}
    assert rows(data / "bc5cdr_chem", "dev") == [row]


def test_fewrel_joins_equal_sentences_and_has_every_relation_in_every_split(data: Path, clones: Path) -> None:
    splits = {split: rows(data / "fewrel_pubmed", split) for split in ("train", "dev", "test")}
    found = [row for part in splits.values() for row in part]
    assert len(found) == len({row["text"] for row in found}) == 19
    for part in splits.values():
        assert {row["relations"][0]["type"] for row in part} == {"ingredient_of", "occurs_in"}
    joined = next(row for row in found if row["text"] == "the pill a3 has x3 .")
    assert joined["id"] == "fewrel_pubmed-00003"
    assert joined["relations"] == [
        {"head": "pill a3", "type": "ingredient_of", "tail": "x3"},
        {"head": "a3", "type": "occurs_in", "tail": "the"},
    ]
    assert convert(clones, data.parent / "again").returncode == 0
    for split in splits:
        assert rows(data.parent / "again" / "fewrel_pubmed", split) == splits[split]


def test_a_missing_clone_or_file_or_another_format_is_one_line(clones: Path, tmp_path: Path) -> None:
    pubmed = clones / "FewRel" / "data" / "val_pubmed.json"
    save(pubmed, '{"ingredient_of": [{"tokens": ["a"]}]}')
    check_refused(clones, tmp_path, "FewRel: another format (KeyError('h')). Check out commit 278a2315d2.")
    pubmed.unlink()
    check_refused(clones, tmp_path, "val_pubmed.json: no such file.")
    (clones / "bionlp-st-2013-ge").rename(clones / "genia")
    check_refused(clones, tmp_path, "bionlp-st-2013-ge: no such folder. Clone https://github.com/openbiocorpora/")
    (clones / "PHEE").rename(clones / "phee")
    check_refused(clones, tmp_path, "PHEE: no such folder")


def check_refused(clones: Path, tmp_path: Path, message: str) -> None:
    done = convert(clones, tmp_path / "data")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
