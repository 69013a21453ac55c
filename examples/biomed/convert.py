"""Writes the six sets of the biomedical pool that come from GitHub, out of local clones, as cotune reads them.

    python examples/biomed/convert.py --from CLONES

CLONES is the folder with the clones that README.md names. Nothing is downloaded. `data/NAME` beside this file gets
train.jsonl, dev.jsonl, test.jsonl and dataset.json.
"""

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from formats import Row, Splits, read_conll, read_fewrel, read_phee
from standoff import read_genia

FEWEST_WORDS, MOST_WORDS = 3, {"event": 100, "ner": 120, "relation": 120}


@dataclass(frozen=True)
class Source:
    """Where a set comes from, under which licence, and how its rows are read out of a clone."""

    kind: str
    repository: str
    commit: str
    licence: str
    read: Callable[[Path], Splits]


def _mtl(name: str, folder: str, licence: str = "CC BY 4.0") -> Source:
    repository, commit = "cambridgeltl/MTL-Bioinformatics-2016", "df0df02fae6dbb87d88ffcf323b9096528f06f84"
    return Source("ner", repository, commit, licence, partial(read_conll, name=name, folder=folder))


SOURCES = {
    "phee": Source("event", "ZhaoyueSun/PHEE", "41489b08675d0b63a1eb7cd4f2d1946952833eb1", "MIT", read_phee),
    "genia2013": Source(
        "event",
        "openbiocorpora/bionlp-st-2013-ge",
        "4d1b996adc1209aa350816880ded055d1e8a0c8d",
        "CC BY 3.0",
        read_genia,
    ),
    "bc5cdr_disease": _mtl("bc5cdr_disease", "BC5CDR-disease-IOB"),
    "bc5cdr_chem": _mtl("bc5cdr_chem", "BC5CDR-chem-IOB"),
    "anatem": _mtl("anatem", "AnatEM-IOB", "CC BY 4.0 (annotations CC BY-SA 3.0)"),
    "fewrel_pubmed": Source(
        "relation", "thunlp/FewRel", "278a2315d2138810a379cd8d5718914dc56e2582", "MIT", read_fewrel
    ),
}


def main() -> None:
    """Reads every set before it writes one, so that what is missing leaves no half of a pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="clones", type=Path, required=True, help="folder with the clones")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "data", help="folder to write to")
    options = parser.parse_args()
    try:
        pool = {name: read(source, options.clones) for name, source in SOURCES.items()}
    except (FileNotFoundError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    for name, splits in pool.items():
        write(options.to / name, SOURCES[name], splits)
        print(f"{options.to / name}:", ", ".join(f"{len(rows)} {split}" for split, rows in splits.items()), "rows")


def read(source: Source, clones: Path) -> Splits:
    """Gives the rows of a set that fit the limits, each text once: in test, else in dev, else in train.

    Raises:
        FileNotFoundError: the clone or a file of it is missing.
        ValueError: a file is in another format.
    """
    clone = clones / source.repository.rpartition("/")[2]
    if not clone.is_dir():
        raise FileNotFoundError(f"{clone}: no such folder. Clone https://github.com/{source.repository} into {clones}.")
    try:
        splits = source.read(clone)
    except (ValueError, LookupError) as error:
        raise ValueError(f"{clone}: another format ({error!r}). Check out commit {source.commit[:10]}.") from error
    fitting = [(split, row) for split in ("test", "dev", "train") for row in splits[split] if _fits(row, source.kind)]
    first: dict[str, tuple[str, Row]] = {}
    for split, row in fitting:
        first.setdefault(re.sub(r"[\W_]+", "", "".join(_words(row))).lower(), (split, row))
    return {split: [row for place, row in first.values() if place == split] for split in splits}


def _fits(row: Row, kind: str) -> bool:
    return FEWEST_WORDS <= len(_words(row)) <= MOST_WORDS[kind]


def _words(row: Row) -> list[str]:
    return row["tokens"] if "tokens" in row else row["text"].split()


def write(folder: Path, source: Source, splits: Splits) -> None:
    """Writes a file per split, and dataset.json, which says where the rows come from."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "task": source.kind,
        "licence": source.licence,
        "source": f"https://github.com/{source.repository}",
        "commit": source.commit,
    }
    (folder / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    for split, rows in splits.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
