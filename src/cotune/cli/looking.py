"""One call of `cotune monitor`: rows read and measured, compared, told and logged."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from cotune import __version__
from cotune.cli.console import print_json, print_table, print_text
from cotune.cli.errors import ALARM, OK
from cotune.cli.outfile import check_folder
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages
from cotune.drift import Check, Look, Sample, look
from cotune.drift.look import check_rows, check_settings
from cotune.journal.log import LogEntry, append_log, read_log
from cotune.tasks.batch import Batch, read_batch
from cotune.training.baseline import Baseline, load_baselines
from cotune.trial_json import JsonObject
from cotune.verdict.wording import points

KIND = "look"
"""Kind of the entries in the log."""


@dataclass(frozen=True)
class Looking:
    """One call of `cotune monitor`; `others` are rows to compare with in place of the baseline's own."""

    adapter: Path
    files: tuple[Path, ...]
    baseline: Baseline
    batch: Batch
    others: Batch | None
    log: Path | None

    @classmethod
    def prepare(
        cls,
        adapter: Path,
        files: Sequence[Path],
        *,
        dataset: str | None,
        baseline: Sequence[Path],
        model: str | None,
        log: Path | None,
    ) -> "Looking":
        """Reads the baseline and the rows, and checks that the log is one.

        Raises:
            FileNotFoundError, ValueError: something is not there, or breaks a rule.
        """
        kept = _chosen(load_baselines(adapter), dataset, adapter)
        if model is not None:
            kept = replace(kept, reading=replace(kept.reading, model=model))
        if log is not None:
            _check_log(log)
        batch = read_batch(files, kept.task, kept.columns)
        others = read_batch(baseline, kept.task, kept.columns) if baseline else None
        check_rows("A look", len(batch.rows))
        check_rows("The baseline", len(others.rows if others else kept.sample.words))
        return cls(adapter, tuple(files), kept, batch, others, log)

    def run(self, *, alpha: float, margin: float, seed: int, quiet: bool) -> int:
        """Looks, tells what was found, appends it to the log, and gives the exit code."""
        check_settings(alpha, margin)
        with Screen(quiet=quiet) as screen:
            before, after = self._samples(screen)
        found = look(before, after, alpha=alpha, margin=margin, seed=seed)
        entry = {**self._entry(found, before, after), "seed": seed}
        if quiet:
            print_json(entry)
        else:
            self._tell(found, before, after)
        if self.log is not None:
            earlier = _looks(self.log)
            append_log(self.log, 0, KIND, entry)
            if not quiet:
                _tell_history(self.log, earlier)
        return ALARM if found.alarms else OK

    def _samples(self, screen: Screen) -> tuple[Sample, Sample]:
        """Gives what is compared of the baseline's rows and of the new ones."""
        from cotune.training.monitoring import measure

        batches = [self.batch] if self.others is None else [self.batch, self.others]
        found = measure(self.baseline, batches, self.adapter, progress=Stages(screen, verb="scoring").tell)
        return (self.baseline.sample if self.others is None else found[1]), found[0]

    def _entry(self, found: Look, before: Sample, after: Sample) -> JsonObject:
        return cast(
            JsonObject,
            {
                "adapter": str(self.adapter),
                "dataset": self.baseline.task.name,
                "metric": self.baseline.task.metric,
                "files": [str(file) for file in self.files],
                "baseline": {"split": None if self.others else self.baseline.split, **_counts(before)},
                "new": _counts(after),
                "alpha": found.alpha,
                "margin": found.margin,
                "checks": [asdict(check) for check in found.checks],
                "left_out": list(found.left_out),
                "alarms": list(found.alarms),
                "cotune": __version__,
            },
        )

    def _tell(self, found: Look, before: Sample, after: Sample) -> None:
        rows = "rows of --baseline" if self.others else f"{self.baseline.split} rows of the training"
        scored = f" ({len(after.tallies)} with answers)" if len(after.tallies) < len(after.words) else ""
        task = self.baseline.task
        print_text(f"{task.name}: {len(after.words)} new rows{scored} beside {len(before.words)} {rows}\n")
        header = ["check", "what", "baseline", "new", "difference", "p", "held to", ""]
        print_table(header, [_line(check, task.metric) for check in found.checks])
        for why in found.left_out:
            print_text(f"not checked: {why}")
        held = f"{len(found.checks)} checks, false alarms held to {found.alpha:g} in all"
        print_text(f"\n! Drift: {', '.join(found.alarms)} ({held})." if found.alarms else f"\nNo alarm ({held}).")


def _counts(sample: Sample) -> dict[str, int]:
    return {"rows": len(sample.words), "answered": len(sample.tallies)}


def _line(check: Check, metric: str) -> list[str]:
    what, before, after, gap = _figures(check, metric)
    return [check.name, what, before, after, gap, f"{check.p:.4f}", f"{check.level:.4f}", "drift" * check.is_alarm]


def _figures(check: Check, metric: str) -> tuple[str, str, str, str]:
    """Gives what a check is about, its figures before and after, and how far they are apart."""
    before, after = check.baseline or 0.0, check.new or 0.0
    if check.name == "texts":
        return "mean states, MMD^2", "", "", f"{check.statistic:.4f}"
    if check.name == "lengths":
        return "median words", f"{before:g}", f"{after:g}", f"{after - before:+g}"
    gap = points(after - before, sign=True)
    if check.name == "labels":
        return f"% given {check.moved!r}", points(before), points(after), gap
    reach = f" [{points(check.low or 0.0, sign=True)}, {points(check.high or 0.0, sign=True)}]"
    return metric, points(before), points(after), gap + reach


def _chosen(baselines: dict[str, Baseline], dataset: str | None, adapter: Path) -> Baseline:
    if dataset is None and len(baselines) == 1:
        return next(iter(baselines.values()))
    if dataset is None:
        raise ValueError(f"{str(adapter)!r} has baselines of {sorted(baselines)}; say which one with --dataset.")
    if dataset not in baselines:
        raise ValueError(f"{str(adapter)!r} has no baseline of {dataset!r}; it has {sorted(baselines)}.")
    return baselines[dataset]


def _check_log(log: Path) -> None:
    """Checks that a look can be appended, and that the file is no other.

    Raises:
        FileNotFoundError, ValueError: it cannot, or it is.
    """
    check_folder(log)
    if log.is_symlink() or (log.exists() and not log.is_file()):
        raise ValueError(f"--log is a file; {str(log)!r} is a folder, a link or a device.")
    if not os.access(log if log.exists() else log.absolute().parent, os.W_OK):
        raise ValueError(f"{str(log)!r} cannot be written. Name another --log.")
    if log.exists() and log.stat().st_size and not _looks(log):
        raise ValueError(f"{str(log)!r} holds no look of `cotune monitor`, so nothing is appended. Name another --log.")


def _looks(log: Path) -> list[LogEntry]:
    return [entry for entry in read_log(log, 0) if entry.kind == KIND]


def _tell_history(log: Path, earlier: Sequence[LogEntry]) -> None:
    alarms = sum(bool(entry.payload.get("alarms")) for entry in earlier)
    print_text(f"Look {len(earlier) + 1} in {log}; of those before, {alarms} alarmed.")
