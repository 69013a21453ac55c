"""The log of a study for those who are not its writer, such as a training beside a running search."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cotune.journal.files import Files
from cotune.journal.folder import prepare_folder
from cotune.journal.log import append_log
from cotune.journal.reader import read_journal
from cotune.trial_json import Json


@dataclass(frozen=True)
class StudyLog:
    """A study's log, open at its current group."""

    path: Path
    group: int

    def append(self, kind: str, payload: Mapping[str, Json]) -> None:
        """Appends one entry durably, also while the study runs.

        Raises:
            JournalError: the disk is full or refuses.
        """
        append_log(self.path, self.group, kind, payload)


def open_log(folder: Path) -> StudyLog:
    """Gives the log of the study in `folder`, which is made if it was not run yet: its first group is then meant.

    Raises:
        JournalError: the folder cannot hold a study, or its journal is damaged.
    """
    files = Files(folder)
    prepare_folder(files)
    try:
        group = read_journal(folder, examples=False).group
    except FileNotFoundError:
        group = 0
    return StudyLog(files.log, group)
