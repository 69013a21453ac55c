"""The journal: one folder per study that no kill, power cut or full disk makes forget a finished trial."""

from cotune.journal.errors import DiskFullError, JournalError
from cotune.journal.export import export_csv, export_jsonl, status
from cotune.journal.log import LogEntry
from cotune.journal.reader import JournalView, read_journal
from cotune.journal.rebuild import rebuild
from cotune.journal.writer import Journal

__all__ = [
    "DiskFullError",
    "Journal",
    "JournalError",
    "JournalView",
    "LogEntry",
    "export_csv",
    "export_jsonl",
    "read_journal",
    "rebuild",
    "status",
]
