"""The journal of a study: what was asked for and how it ended, appended by one writer and never lost."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from cotune.journal.database import (
    insert_requests,
    insert_trial,
    load_attempts,
    load_records,
    next_number,
    open_writer,
    split,
    transaction,
)
from cotune.journal.errors import explained
from cotune.journal.files import Files
from cotune.journal.folder import prepare_folder, remove_leftovers
from cotune.journal.groups import Group, plain
from cotune.journal.lock import WriterLock
from cotune.journal.log import LogEntry, append_log, read_log
from cotune.journal.opening import enter_group, match_files, refuse_lost_database, write_settings
from cotune.journal.record_files import Attempts, try_write_record
from cotune.trial import Proposal, Record, Trial
from cotune.trial_json import Json, without_examples


class Journal:
    """The journal of one study, open for writing; `read_journal` reads it without the lock.

    Requests are written before they run, trials when they end; nothing is changed in place. A trial is first written
    to its record's file in `trials/`, then to the SQLite file (WAL, full synchronisation), so that a kill or a power
    cut at any moment loses none: what only one of the two has, the next opening copies to the other.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        settings: Mapping[str, object],
        datasets: Mapping[str, str],
        seed: int = 0,
        allow: bool = False,
        wait_seconds: float = 60.0,
    ) -> None:
        """Opens or makes the journal in `folder`.

        Args:
            folder: The study's folder; it is made if it is missing.
            settings: A JSON object of all that makes scores comparable, apart from the data.
            datasets: Fingerprint of each data set's content, by name.
            seed: The seed of the search.
            allow: Open a new group where settings, data or seed differ from those of the journal's trials.
            wait_seconds: How long to wait for another program that has the SQLite file locked.

        Raises:
            JournalError: other settings without `allow`; a damaged journal; a full disk; a folder that cannot be
                written, is in use, or lies on a network file system.
        """
        self._files = Files(Path(folder))
        wanted = Group(0, plain(settings), dict(datasets), seed)
        prepare_folder(self._files)
        self._lock = WriterLock(self._files.lock)
        try:
            refuse_lost_database(self._files)
            remove_leftovers(self._files)
            self._connection = open_writer(self._files.database, wait_seconds=wait_seconds)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._load(wanted, allow=allow)
        except BaseException:
            self.close()
            raise

    def _load(self, wanted: Group, *, allow: bool) -> None:
        with self._explained():
            self._group = enter_group(self._files, self._connection, wanted, allow=allow)
            write_settings(self._files, self._connection)
            match_files(self._files, self._connection)
            self._records = load_records(self._connection, self._group.number, examples=False)
            self._next = next_number(self._connection)
        self._index = {record.number: index for index, record in enumerate(self._records)}
        self._log = list(read_log(self._files.log, self._group.number))

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self._files.database)

    @property
    def group(self) -> int:
        """The number of the group that is written to."""
        return self._group.number

    def records(self, *, examples: bool = True) -> list[Record]:
        """Gives the group's records in order; without `examples` no per-example results are read (fast)."""
        if not examples:
            return list(self._records)
        with self._explained():
            return load_records(self._connection, self.group, examples=True)

    def propose(self, proposals: Sequence[Proposal]) -> list[Record]:
        """Appends requests before they run, all or none, and gives their records.

        Raises:
            ValueError: a request was made before.
            JournalError: the disk is full or refuses.
        """
        known = {record.request for record in self._records}
        for proposal in proposals:
            if proposal.request in known:
                raise ValueError(
                    f"The request for {proposal.request.mixture} with seed {proposal.request.seed} was made before; "
                    f"to measure noise, ask with a fresh seed."
                )
            known.add(proposal.request)
        records = [Record(self._next + index, proposal) for index, proposal in enumerate(proposals)]
        with self._explained(), transaction(self._connection):
            insert_requests(self._connection, self.group, records)
        self._next += len(records)
        for record in records:
            self._index[record.number] = len(self._records)
            self._records.append(record)
        for record in reversed(records):  # see `import_records`
            self._write_file(record, [])
        return records

    def finish(self, number: int, trial: Trial) -> Record:
        """Appends an ended attempt, durably, and gives the record without per-example results.

        Raises:
            ValueError: no such request in this group, another request's trial, or a trial that is finished already.
            JournalError: the disk is full or refuses.
        """
        record = self._unfinished(number, trial)
        attempt = split(trial)
        with self._explained():
            earlier = load_attempts(self._connection, number)
        self._write_file(record, [*earlier, attempt])
        with self._explained(), transaction(self._connection):
            insert_trial(self._connection, number, len(earlier) + 1, *attempt)
        ended = replace(record, trial=without_examples(trial), attempts=len(earlier) + 1)
        self._records[self._index[number]] = ended
        return ended

    def _unfinished(self, number: int, trial: Trial) -> Record:
        if number not in self._index:
            raise ValueError(f"No request has number {number} in this group of the journal.")
        record = self._records[self._index[number]]
        if record.request != trial.request:
            raise ValueError(f"Request {number} is for {record.request}; got the trial of {trial.request}.")
        if record.trial is not None and record.trial.is_finished and record.trial.reached == 1:
            raise ValueError(f"Request {number} ({record.request.mixture}) is finished already.")
        return record

    def _write_file(self, record: Record, attempts: Attempts) -> None:
        reason = try_write_record(self._files, self.group, record, attempts)
        if reason is not None:
            self.log("warning", {"number": record.number, "message": f"{reason} The journal itself has the record."})

    def log(self, kind: str, payload: Mapping[str, Json]) -> None:
        """Appends one entry to the log."""
        self._log.append(append_log(self._files.log, self.group, kind, payload))

    def logged(self, kind: str) -> list[LogEntry]:
        """Gives the group's log entries of one kind, oldest first."""
        return [entry for entry in self._log if entry.kind == kind]

    def close(self) -> None:
        """Closes the journal and lets the next writer in; closing twice does nothing more."""
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
