"""Label texts: labels in plain words, as prompts and answers show them."""

from functools import lru_cache

from cotune.tasks.kinds.format import AnswerError


def plain(labels: tuple[str, ...]) -> dict[str, str]:
    """Gives each label's text: underscores become spaces, unless two labels would then read the same.

    >>> plain(("cell_type", "taxon"))
    {'cell_type': 'cell type', 'taxon': 'taxon'}
    """
    texts = {label: " ".join(label.replace("_", " ").split()) for label in labels}
    keys = {_key(text) for text in texts.values()}
    return texts if len(keys) == len(labels) else {label: label for label in labels}


def label_text(labels: tuple[str, ...], label: str) -> str:
    """Gives the text of one label; a label outside `labels` stands for itself."""
    return _texts(labels).get(label, label)


def label_of(labels: tuple[str, ...], text: str) -> str:
    """Gives the label that `text` names; case and spacing do not count. Any text is a label where `labels` is empty.

    Raises:
        AnswerError: no label reads so.
    """
    exact, loose = _lookup(labels)
    label = exact.get(text) or loose.get(_key(text))
    if label is not None:
        return label
    if labels or not text:
        raise AnswerError(f"{text!r} is no label")
    return text


def are_few(texts: tuple[str, ...]) -> bool:
    """Tells whether a prompt can afford to list these label texts: at most 20, and at most 160 signs together."""
    return len(texts) <= 20 and sum(map(len, texts)) <= 160


@lru_cache(maxsize=256)
def _texts(labels: tuple[str, ...]) -> dict[str, str]:
    return plain(labels)


@lru_cache(maxsize=256)
def _lookup(labels: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    exact = {label: label for label in labels}
    exact.update({text: label for label, text in plain(labels).items()})
    loose: dict[str, str] = {}
    for label in labels:
        key = _key(label)
        loose[key] = "" if key in loose else label
    return exact, {key: label for key, label in loose.items() if label}


def _key(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())
