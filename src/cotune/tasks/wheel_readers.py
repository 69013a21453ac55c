"""Readers of the data files that wheels carry: from a file to items of text, label and group."""

import csv
import gzip
import hashlib
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

from cotune.wheels import check_entry

CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2028\u2029\ufeff\ue000-\uf8ff]")

QUESTION_KINDS = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "human",
    "LOC": "location",
    "NUM": "number",
}
QUESTION_DETAILS = {
    "ABBR:exp": "expansion",
    "DESC:def": "definition",
    "DESC:desc": "in general",
    "DESC:manner": "of manner",
    "DESC:reason": "of reason",
    "ENTY:animal": "animal",
    "ENTY:cremat": "creation",
    "ENTY:dismed": "disease or medicine",
    "ENTY:food": "food",
    "ENTY:other": "other",
    "ENTY:sport": "sport",
    "ENTY:termeq": "term",
    "HUM:gr": "group",
    "HUM:ind": "individual",
    "LOC:city": "city",
    "LOC:country": "country",
    "LOC:other": "other",
    "LOC:state": "state",
    "NUM:count": "count",
    "NUM:date": "date",
    "NUM:money": "money",
    "NUM:period": "period",
}


class Item(NamedTuple):
    """One labelled text as its source has it; `group` names what must stay in one split."""

    id: str
    text: str
    label: str
    group: str


def read_ratings(path: Path) -> Iterator[Item]:
    """Yields sentences that people rated from -4 to 4 on average, those within 0.5 of neutral left out.

    An id such as `12_3` is the third sentence of document 12: a document is a group.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            rating = float(line["sentiment"])
            if abs(rating) >= 0.5:
                label = "positive" if rating > 0 else "negative"
                yield Item(line["id"], tidy(line["text"]), label, line["id"].split("_")[0])


def read_messages(path: Path) -> Iterator[Item]:
    """Yields text messages; those that differ only in digits and signs are one group."""
    with path.open(encoding="utf-8", newline="") as stream:
        for number, line in enumerate(csv.DictReader(stream)):
            text = tidy(line["text"])
            yield Item(f"{number:04d}", text, "spam" if line["spam"] == "1" else "ham", re.sub(r"\d", "", key(text)))


def read_questions(path: Path) -> Iterator[Item]:
    """Yields one half of the questions with the kind of answer that they ask for, one of six."""
    for number, code, text in _coded_questions(path):
        if not _is_in_second_half(text):
            yield Item(f"{number:05d}", text, QUESTION_KINDS[code.partition(":")[0]], key(text))


def read_question_details(path: Path) -> Iterator[Item]:
    """Yields the other half, each with its kind in detail; kinds with fewer than 60 questions are left out."""
    for number, code, text in _coded_questions(path):
        if _is_in_second_half(text) and code in QUESTION_DETAILS:
            kind = QUESTION_KINDS[code.partition(":")[0]]
            yield Item(f"{number:05d}", text, f"{kind} {QUESTION_DETAILS[code]}", key(text))


def _coded_questions(path: Path) -> Iterator[tuple[int, str, str]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            code, _, text = line.strip().partition(" ")
            if text:
                yield number, code, tidy(text)


def _is_in_second_half(text: str) -> bool:
    """Tells in which half a question is; equal questions are in the same."""
    return hashlib.sha256(key(text).encode()).digest()[0] % 2 == 1


def read_articles(folder: Path) -> Iterator[Item]:
    """Yields the title and first sentences of news articles, one file each in a folder per topic.

    Articles of one title are a group.
    """
    for path in sorted(folder.glob("*/*.txt")):
        raw = path.read_bytes()
        text = raw.decode("utf-8") if _is_utf8(raw) else raw.decode("cp1252")
        title, _, body = text.partition("\n")
        topic = path.parent.name
        yield Item(f"{topic}-{path.stem}", first_sentences(tidy(f"{title}. {body}"), 30), topic, key(title))


def read_drug_reviews(path: Path) -> Iterator[Item]:
    """Yields the first sentences of drug reviews that rate the drug; those rated neutral are left out."""
    with ZipFile(path) as archive:
        for name in ("drugsComTrain.tsv", "drugsComTest.tsv"):
            check_entry(archive.getinfo(name), path.name)
            lines = io.StringIO(archive.read(name).decode("utf-8"), newline="")
            for line in csv.DictReader(lines, delimiter="\t"):
                if line["rating"] != "neutral":
                    text = tidy(line["review"].strip().strip('"'))
                    yield Item(line[""], first_sentences(text, 40), line["rating"], key(text))


def tidy(text: str) -> str:
    """Gives `text` with HTML entities and mangled punctuation restored, controls removed and spaces joined."""
    plain = html.unescape(html.unescape(text))
    repaired = re.sub(r"[\x80-\x9f]", lambda sign: sign.group().encode("latin-1").decode("cp1252", "ignore"), plain)
    return " ".join(CONTROLS.sub(" ", repaired).split())


def key(text: str) -> str:
    """Gives the letters and digits of `text` in lower case: texts of one key count as equal."""
    return re.sub(r"[\W_]+", "", text.casefold())


def first_sentences(text: str, words: int) -> str:
    """Gives the whole sentences within the first `words` words; of a longer first sentence the first words."""
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?]) ", text):
        if len(kept) + len(sentence.split()) > words:
            break
        kept += sentence.split()
    return " ".join(kept or text.split()[:words])


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
