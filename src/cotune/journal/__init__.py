"""The journal: one folder per study that no kill, power cut or full disk makes forget a finished trial."""

from cotune.journal.errors import DiskFullError, JournalError
from cotune.journal.export import export_csv, export_jsonl, status
from cotune.journal.log import LogEntry
from cotune.journal.reader import JournalView, read_journal
from cotune.journal.rebuild import rebuild
from cotune.journal.study_log import StudyLog, open_log
from cotune.journal.writer import Journal

__all__ = [
    "DiskFullError",
    "Journal",
    "JournalError",
    "JournalView",
    "LogEntry",
    "StudyLog",
    "export_csv",
    "export_jsonl",
    "open_log",
    "read_journal",
    "rebuild",
    "status",
]
