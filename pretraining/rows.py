"""Rows of real datasets as vectors that a small network can learn from."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Item = tuple[str, str, str]
"""A context, what in it is asked about (may be empty), and the answer."""

DIMENSIONS = 160
"""How many principal components of the text vectors are kept."""
WINDOW = 3
"""How many words on either side of a token are its context."""


@dataclass(frozen=True)
class Rows:
    """One dataset: text vectors [row, dimension] and answers [row], as indices of labels that all datasets share."""

    train_x: Array
    train_y: NDArray[np.int64]
    dev_x: Array
    dev_y: NDArray[np.int64]


@dataclass(frozen=True)
class Library:
    """All datasets by name, and the vectors of all labels [label, width]."""

    datasets: Mapping[str, Rows]
    labels: Array

    def save(self, path: Path) -> None:
        """Writes one .npz file."""
        arrays = {"labels": self.labels}
        for name, rows in self.datasets.items():
            arrays |= {f"{name}/{key}": value for key, value in vars(rows).items()}
        np.savez(path, **arrays)


def load_library(path: Path) -> Library:
    """Reads what `Library.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        found: dict[str, dict[str, NDArray[np.float64]]] = {}
        for key in arrays.files:
            if "/" in key:
                name, part = key.split("/")
                found.setdefault(name, {})[part] = arrays[key]
        return Library({name: Rows(**parts) for name, parts in sorted(found.items())}, arrays["labels"])


def build_library(data: Path, *, limit: int = 500, seed: int = 0) -> Library:
    """Gives up to `limit` rows of each split of each dataset in `data`, in the plain format of the shared datasets.

    A text is the mean of the embedded model's token vectors, so that related words are near each other as they are for
    a language model. Recognition becomes naming a token in its window, relations and events naming a marked place: the
    pools are not language models, but their tasks help, dilute and disturb each other as tasks do.
    """
    rng = np.random.default_rng(seed)
    folders = [folder for folder in sorted(data.iterdir()) if (folder / "dataset.json").exists()]
    splits = {
        (folder.name, split): items
        for folder in folders
        for split in ("train", "dev")
        if (items := list(_items(folder, split, rng))[:limit])
    }
    embed = _embedder()
    answers = sorted({answer for items in splits.values() for _, _, answer in items})
    x = {
        key: np.concatenate([embed([c for c, _, _ in items]), embed([f for _, f, _ in items])], 1)
        for key, items in splits.items()
    }
    project = _projection(np.concatenate([vectors for (_, split), vectors in x.items() if split == "train"]))
    y = {key: np.array([answers.index(answer) for _, _, answer in items]) for key, items in splits.items()}
    names = sorted({name for name, _ in splits})
    datasets = {
        name: Rows(project(x[name, "train"]), y[name, "train"], project(x[name, "dev"]), y[name, "dev"])
        for name in names
    }
    return Library(datasets, embed([answer.replace("_", " ").replace("-", " ") for answer in answers]))


def _items(folder: Path, split: str, rng: np.random.Generator) -> Iterator[Item]:
    task = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["task"]
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    for index in rng.permutation(len(lines)):
        row = json.loads(lines[index])
        if task == "ner":
            yield from _tokens(row["tokens"], row["tags"], rng)
        elif task == "classification":
            yield row["text"], "", row["label"]
        elif task == "pair_classification":
            yield row["text_a"], row["text_b"], row["label"]
        elif task == "relation":
            found = row["relations"][:1]
            yield from ((row["text"], f"{one['head']} {one['tail']}", one["type"]) for one in found)
        elif task == "event":
            yield from ((row["text"], one["trigger"], one["type"]) for one in row["events"][:1])


def _tokens(tokens: Sequence[str], tags: Sequence[str], rng: np.random.Generator) -> Iterator[Item]:
    """Yields one named token and one outside of names, where there are such."""
    for outside in (False, True):
        places = [place for place, tag in enumerate(tags) if (tag == "O") == outside]
        if places:
            place = places[int(rng.integers(len(places)))]
            context = " ".join(tokens[max(0, place - WINDOW) : place + WINDOW + 1])
            yield context, tokens[place], "none" if outside else tags[place].split("-", 1)[1]


def _embedder() -> Callable[[Sequence[str]], Array]:
    """Gives a function to the mean token vectors [text, width] of texts, as the embedded model has them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from cotune.training.embedded import model_folder

    folder = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight.detach().float().numpy()
    table = table - table.mean(axis=0)

    def embed(texts: Sequence[str]) -> Array:
        tokens = tokenizer([text[:600] or " " for text in texts])["input_ids"]
        return np.stack([table[row].mean(axis=0) for row in tokens])

    return embed


def _projection(x: Array) -> Callable[[Array], Array]:
    """Gives a function to partly whitened principal components of vectors like `x` [row, width]."""
    centre = x.mean(axis=0)
    _, scales, axes = np.linalg.svd(x - centre, full_matrices=False)
    matrix = axes[:DIMENSIONS].T / np.sqrt(scales[:DIMENSIONS] / np.sqrt(len(x))) / 1.5  # [width, dimension]
    return lambda vectors: (vectors - centre) @ matrix
