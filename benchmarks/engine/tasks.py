"""The datasets of the work: real ones from a folder, or made-up ones where there is none."""

import random
from pathlib import Path

from benchmarks.engine.work import Work
from cotune.task import Row, Task, Template
from cotune.tasks import DatasetSpec, load_task

WORDS = ("cat", "dog", "cow", "hen", "fox", "owl", "fig", "kiwi", "lime", "pear", "plum", "date")


def tasks_of(work: Work) -> list[Task]:
    """Gives the tasks of `work`, sorted by name.

    Raises:
        FileNotFoundError: a dataset is not in its folder.
        ValueError: a dataset breaks a rule.
    """
    if not work.data:
        return [made_up(name) for name in sorted(work.datasets)]
    return [load_task(DatasetSpec(name, path=name), Path(work.data)) for name in sorted(work.datasets)]


def made_up(name: str, *, rows: int = 64, dev: int = 32) -> Task:
    """Gives a generation task on random words: say them again, some more of them for each next dataset."""
    rng = random.Random(name)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 4))) for _ in range(rows + dev)]
    made = [Row(f"{name}-{index}", {"input": text}, text) for index, text in enumerate(texts)]
    template = Template(f"Say the words of {name} again.", "{input}\nAnswer:")
    return Task(name, "generation", {"train": made[:rows], "dev": made[rows:]}, template=template)
