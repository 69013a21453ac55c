"""Reads BioNLP Shared Task standoff files, full-text articles with events, as one example per sentence."""

import re
from dataclasses import dataclass
from pathlib import Path

from formats import Row, Splits, plain, read_text

TEST_ARTICLES = ("PMC-1920263", "PMC-1942070", "PMC-2674207", "PMC-2806624", "PMC-3359311")
"""The articles of the official development part that are test here: the official test part has no public answers."""

_GAP = re.compile(r"\s+")
_END = re.compile(r"[.?!][)\]\"']*$")
_ABBREVIATION = re.compile(r"\b([A-Z]|(?i:figs?|refs?|et al|vs|cf|ca|approx|i\.e|e\.g|drs?|st|inc))\.$")
_START = re.compile(r"[(\[\"']?[A-Z0-9]")
_LONGEST_END = 10  # characters that these need to see

Stretch = tuple[int, int]


@dataclass(frozen=True)
class Article:
    """A section of an article: its text, the stretches marked in it, and its events.

    An event is pairs of words: its type and trigger, then a role and what fills it, a stretch or an event.
    """

    text: str
    stretches: dict[str, Stretch]
    events: dict[str, list[tuple[str, str]]]

    def place(self, mark: str) -> Stretch:
        """Gives where a mark is; an event is where its trigger is."""
        return self.stretches[self.events[mark][0][1] if mark in self.events else mark]

    def words(self, stretch: Stretch) -> str:
        """Gives the text of a stretch."""
        return plain(self.text[slice(*stretch)])


def read_genia(clone: Path) -> Splits:
    """Gives the rows of BioNLP-ST 2013 GE: official train, and official development divided into dev and test.

    Raises:
        FileNotFoundError: a folder without texts, or a text without its annotations.
    """
    splits: Splits = {"train": [], "dev": [], "test": []}
    for part in ("train", "devel"):
        folder = clone / "original-data" / part
        texts = sorted(folder.glob("*.txt"))
        if not texts:
            raise FileNotFoundError(f"{folder}: no .txt files. Check out the commit that README.md names.")
        for path in texts:
            held_out = "test" if path.stem.startswith(TEST_ARTICLES) else "dev"
            splits["train" if part == "train" else held_out] += _rows(path)
    return splits


def _rows(path: Path) -> list[Row]:
    article = read_article(path)
    name = f"genia2013-{path.stem.replace(' ', '_')}"
    return [
        {"id": f"{name}-s{i:03}", "text": article.words(sentence), "events": _events(article, sentence)}
        for i, sentence in enumerate(sentences(article))
    ]


def read_article(path: Path) -> Article:
    """Gives the text of a .txt file with the marks of the .a1 and .a2 files beside it."""
    stretches, events = {}, {}
    for suffix in (".a1", ".a2"):
        for line in read_text(path.with_suffix(suffix)).splitlines():
            mark, _, rest = line.partition("\t")
            if mark.startswith("T"):
                places = re.findall(r"\d+", rest.partition("\t")[0].partition(" ")[2])
                stretches[mark] = (int(places[0]), int(places[-1]))
            if mark.startswith("E"):
                events[mark] = [(key, value) for key, _, value in (pair.partition(":") for pair in rest.split())]
    return Article(read_text(path), stretches, events)


def sentences(article: Article) -> list[Stretch]:
    """Gives the stretches between ends of lines and of sentences; no marked stretch is cut."""
    text, found, start = article.text, [], 0
    for gap in _GAP.finditer(text):
        if _parts(text, gap) and not any(a < gap.start() and gap.end() < b for a, b in article.stretches.values()):
            found.append((start, gap.start()))
            start = gap.end()
    return [(a, b) for a, b in [*found, (start, len(text))] if text[a:b].strip()]


def _parts(text: str, gap: re.Match[str]) -> bool:
    before = text[max(0, gap.start() - _LONGEST_END) : gap.start()]
    ends = bool(_END.search(before)) and not _ABBREVIATION.search(before)
    return "\n" in gap.group() or (ends and bool(_START.match(text, gap.end())))


def _events(article: Article, sentence: Stretch) -> list[Row]:
    """Gives the events whose trigger is in the sentence, with their arguments in it; equal events once."""
    found: list[Row] = []
    for (kind, trigger), *roles in article.events.values():
        arguments = [
            {"role": role.rstrip("0123456789"), "text": article.words(article.place(mark))}
            for role, mark in roles
            if _inside(article.place(mark), sentence)
        ]
        event = {"type": kind, "trigger": article.words(article.place(trigger)), "arguments": arguments}
        if _inside(article.place(trigger), sentence) and event not in found:
            found.append(event)
    return found


def _inside(stretch: Stretch, sentence: Stretch) -> bool:
    return sentence[0] <= stretch[0] and stretch[1] <= sentence[1]
