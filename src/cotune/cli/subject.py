"""The dataset of a study that a command works on, and the new folder that it fills: checked first, loaded then."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cotune.cli.opening import Opened
from cotune.cli.stages import load_problem
from cotune.cli.unfinished import check_out
from cotune.problem import check_names
from cotune.task import Task


@dataclass(frozen=True)
class Subject:
    """The dataset `name` of a study, and the folder `out` that a command makes of it."""

    opened: Opened
    name: str
    out: Path

    @classmethod
    def checked(cls, opened: Opened, name: str, out: Path) -> "Subject":
        """Gives the subject before any row is read.

        Raises:
            ValueError: the study has no such dataset, or no language model; `out` has something in it.
        """
        if opened.config.evaluate is not None:
            raise ValueError(
                f"This study has an evaluation of its own ({opened.config.evaluate}) and names no language model, and "
                "this command asks one. Give a study with a model."
            )
        check_names([name], [entry.name for entry in opened.config.datasets], "--dataset")
        check_out(out)
        return cls(opened, name, out)

    def check_new(self, names: Iterable[str], remedy: str) -> None:
        """Checks that the study can take in datasets of these names.

        Raises:
            ValueError: it has one of them, however it is spelt; `remedy` says how to name another.
        """
        known = {entry.name.casefold() for entry in self.opened.config.datasets}
        taken = sorted(name for name in names if name.casefold() in known)
        if taken:
            raise ValueError(f"The study has datasets {taken} already; {remedy}.")

    def load(self, *, data: Path | None, quiet: bool) -> tuple[Task, tuple[Task, ...]]:
        """Gives the dataset and the pool that it is of, with all rows; see `load_problem`.

        Raises:
            FileNotFoundError, ValueError: a dataset is not there or breaks a rule.
        """
        pool = load_problem(self.opened, data=data, quiet=quiet).tasks
        return next(task for task in pool if task.name == self.name), pool

    @property
    def model(self) -> str:
        """Hub id or folder of the study's model."""
        return self.opened.config.model

    @property
    def max_length(self) -> int:
        """How many tokens of the dataset's rows the study reads."""
        return self.opened.config.train.length_of(self.name)

    def path_of(self, folder: Path) -> str:
        """Gives a folder as the study's file names it."""
        return Path(os.path.relpath(folder, self.opened.base)).as_posix()
