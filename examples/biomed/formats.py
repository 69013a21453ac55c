"""Reads the formats that give one example per line, sentence or entry: PHEE's JSON, CoNLL columns and FewRel's JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Splits = dict[str, list[Row]]

ROLES = (
    *("Subject", "Subject.Age", "Subject.Disorder", "Subject.Gender", "Subject.Population", "Subject.Race"),
    *("Treatment", "Treatment.Disorder", "Treatment.Dosage", "Treatment.Drug", "Treatment.Duration"),
    *("Treatment.Freq", "Treatment.Route", "Treatment.Time_elapsed", "Effect"),
)
"""PHEE's roles in the order of an answer; a part of an argument is named after a dot."""


def read_text(path: Path) -> str:
    """Gives a file's characters, line ends as they are, because annotations count them.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check out the commit that README.md names.")
    return path.read_bytes().decode("utf-8")


def plain(text: str) -> str:
    """Gives the text with each run of white space as one space."""
    return " ".join(text.split())


def read_phee(clone: Path) -> Splits:
    """Gives the rows of PHEE: adverse and therapeutic events, official splits."""
    lines = {split: read_text(clone / "data" / "json" / f"{split}.json") for split in ("train", "dev", "test")}
    return {split: [_phee_row(json.loads(line)) for line in text.splitlines()] for split, text in lines.items()}


def _phee_row(entry: Row) -> Row:
    events = [_phee_event(event) for annotation in entry["annotations"] for event in annotation["events"]]
    return {"id": f"phee-{entry['id']}", "text": plain(entry["context"]), "events": events}


def _phee_event(event: Row) -> Row:
    # An interrupted trigger or argument is a list of its parts: of a trigger the first one stands for it.
    trigger = event["Trigger"]["text"][0][0]
    arguments = [{"role": role, "text": plain(text)} for role in ROLES for text in _mentions(event, role)]
    return {"type": event["event_type"], "trigger": plain(trigger), "arguments": arguments}


def _mentions(event: Row, role: str) -> list[str]:
    whole, _, part = role.partition(".")
    argument = event.get(whole, {})
    found = argument.get(part, {}) if part else argument
    return [text for parts in found.get("text", []) for text in parts]


def read_conll(clone: Path, name: str, folder: str) -> Splits:
    """Gives the rows of a set of MTL-Bioinformatics-2016: a token, a tab and a tag per line, official splits."""
    files = {"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"}
    texts = {split: read_text(clone / "data" / folder / file) for split, file in files.items()}
    return {split: list(_conll_rows(text, f"{name}-{split}")) for split, text in texts.items()}


def _conll_rows(text: str, name: str) -> Iterator[Row]:
    blocks = text.replace("\r\n", "\n").strip("\n").split("\n\n")
    for i, block in enumerate(blocks):
        pairs = [line.split("\t") for line in block.strip("\n").split("\n")]
        yield {"id": f"{name}-{i:05}", "tokens": [token for token, _ in pairs], "tags": [tag for _, tag in pairs]}


def read_fewrel(clone: Path) -> Splits:
    """Gives the rows of FewRel 2.0's PubMed part, one per sentence, with splits made here."""
    entries: Mapping[str, list[Row]] = json.loads(read_text(clone / "data" / "val_pubmed.json"))
    marked = [(kind, example) for kind, examples in entries.items() for example in examples]
    rows: dict[str, Row] = {}
    for i, (kind, example) in enumerate(marked):
        text = " ".join(example["tokens"])
        row = rows.setdefault(text, {"id": f"fewrel_pubmed-{i:05}", "text": text, "relations": []})
        found = {"head": _name(example, "h"), "type": kind, "tail": _name(example, "t")}
        if found not in row["relations"]:
            row["relations"].append(found)
    return _divided(rows.values())


def _name(example: Row, end: str) -> str:
    return " ".join(example["tokens"][place] for place in example[end][2][0])


def _divided(rows: Iterable[Row]) -> Splits:
    """Gives of each relation a fifth of the sentences as test and a seventh as dev, by the hash of the text."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: sha256(row["text"].encode()).digest()):
        groups.setdefault(row["relations"][0]["type"], []).append(row)
    splits: Splits = {"train": [], "dev": [], "test": []}
    for group in groups.values():
        test, dev = len(group) // 5, len(group) // 5 + len(group) // 7
        splits["test"] += group[:test]
        splits["dev"] += group[test:dev]
        splits["train"] += group[dev:]
    return splits
