"""Statistics of a dataset: what `check`, `pool show` and predictors want to know about its rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from cotune.task import Split, Task
from cotune.tasks.grouping import row_texts
from cotune.tasks.kinds import FORMATS


@dataclass(frozen=True)
class Statistics:
    """Figures of one dataset; all but `rows` are of its train rows, and lengths are in words.

    `empty_share` is the share of rows with nothing to extract, `label_counts` how many rows use each label,
    `label_entropy` the entropy of their shares in bits, `duplicates` the rows whose texts and answer equal those of an
    earlier row.
    """

    rows: Mapping[Split, int]
    input_words: float
    longest_input_words: int
    answer_words: float
    empty_share: float
    label_counts: Mapping[str, int]
    label_entropy: float
    duplicates: int


def statistics(task: Task) -> Statistics:
    """Gives the figures of a dataset; all zero where it has no train rows."""
    train = task.rows.get("train", ())
    inputs = [sum(len(text.split()) for text in row_texts(row)) for row in train]
    form = FORMATS[task.kind]
    answers = [len(form.write(task, row).split()) for row in train]
    labels = Counter(label for row in train for label in form.names(row.answer)[0])
    texts = {(row_texts(row), row.answer) for row in train}
    many = max(len(train), 1)
    return Statistics(
        rows={split: len(rows) for split, rows in task.rows.items()},
        input_words=sum(inputs) / many,
        longest_input_words=max(inputs, default=0),
        answer_words=sum(answers) / many,
        empty_share=sum(not row.answer for row in train) / many,
        label_counts={label: labels[label] for label in sorted({*task.labels, *labels})},
        label_entropy=_entropy(labels),
        duplicates=len(train) - len(texts),
    )


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return sum(count / total * log2(total / count) for count in counts.values())
