"""One call of `cotune pseudolabel`: what is labelled, kept, written and told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cotune.cli.console import Json, plain, print_json, print_table, print_text
from cotune.cli.errors import OK, say
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages
from cotune.cli.subject import Subject
from cotune.cli.unfinished import unfinished, whole
from cotune.config.dump import one_line_yaml
from cotune.task import Row, Task, check_name
from cotune.tasks.pseudolabels import (
    Guess,
    Precision,
    check_labelled,
    label_counts,
    pool_entry,
    precision,
    sure,
    write_pseudolabels,
)
from cotune.tasks.tacle import class_weights
from cotune.tasks.tacle import threshold as threshold_of
from cotune.tasks.unlabelled import Sifted, read_unlabelled, sift
from cotune.trial import Progress

USUAL = 0.9
NOTE = "A label may be sure and wrong: see the share of dev rows above. No gain is promised."


@dataclass(frozen=True)
class Bar:
    """The least probability of a label that is kept; with stages that of TACLE at `stage`."""

    threshold: float
    stage: int | None = None
    stages: int | None = None

    def __str__(self) -> str:
        rule = f" (TACLE, stage {self.stage} of {self.stages})" if self.stage else ""
        return f"{self.threshold:.4g}{rule}"


@dataclass(frozen=True)
class Line:
    """A label: its labelled train rows, the rows kept with it, and the weight of its class."""

    label: str
    labelled: int
    kept: int
    weight: float


def bar_of(threshold: float | None, stage: int | None, stages: int | None) -> Bar:
    """Gives the threshold that the options ask for.

    Raises:
        ValueError: a threshold and a stage are given, a stage without their number, or one beyond it.
    """
    if stage is None and stages is None:
        return Bar(USUAL if threshold is None else threshold)
    if stage is None or stages is None or stage > stages:
        raise ValueError(f"--stage T and --stages N go together, with T of 1 to N; got {stage} and {stages}.")
    if threshold is not None:
        raise ValueError(f"--stage {stage} sets the threshold, {threshold_of(stage):.4g}; leave out --threshold or it.")
    return Bar(threshold_of(stage), stage, stages)


@dataclass(frozen=True)
class Labelling:
    """One call of `cotune pseudolabel`; `read` and `answered` count the rows of the file, and those with an answer."""

    subject: Subject
    task: Task
    sifted: Sifted
    read: int
    answered: int
    bar: Bar
    adapter: Path | None
    seed: int
    quiet: bool

    @classmethod
    def prepare(
        cls,
        subject: Subject,
        file: Path,
        bar: Bar,
        *,
        adapter: Path | None,
        seed: int,
        data: Path | None,
        quiet: bool,
    ) -> "Labelling":
        """Checks name and adapter, loads the data, and reads the rows without those that are known.

        Raises:
            FileNotFoundError, ValueError: a dataset, the rows or the adapter are not there or break a rule.
        """
        check_name(subject.out.name)
        subject.check_new([subject.out.name], "the last part of --out names the new one")
        _check_trained(adapter)
        task, pool = subject.load(data=data, quiet=quiet)
        check_labelled(task)
        if len(task.rows.get("dev", ())) < 2:
            raise ValueError(f"Dataset {task.name!r} has fewer than two dev rows; pseudo-labels are judged on them.")
        is_replaced = data is not None and (data / task.name).is_dir()
        found = read_unlabelled(file, task, {} if is_replaced else _columns(subject))
        sifted = sift(found.rows, task, pool, subject.opened.config.leaks)
        return cls(subject, task, sifted, len(found.rows), found.answered, bar, adapter, seed, quiet)

    def preview(self) -> int:
        """Prints how much would be read, and the threshold; labels and writes nothing."""
        dev, labels = len(self.task.rows["dev"]), len(self.task.labels)
        thresholds = [round(threshold_of(stage), 4) for stage in range(1, (self.bar.stages or 0) + 1)]
        if self.quiet:
            print_json({**self._facts, "dev_rows": dev, "labels": labels, "thresholds": thresholds})
            return OK
        print_text(
            f"Would read {labels} labels for each of {len(self.sifted.rows):,} rows and {dev:,} dev rows of "
            f"{self.task.name}, and keep rows with a label at least {self.bar} likely."
        )
        if thresholds:
            print_text(f"Thresholds by stage: {', '.join(f'{value:.4g}' for value in thresholds)}.")
        self._tell_left_out()
        print_text(f"Nothing was labelled. It would be written to {self.subject.out}.")
        return OK

    def run(self) -> int:
        """Labels the rows, writes the dataset and tells what was kept and what to add to the study.

        Raises:
            ValueError: no row is sure enough.
        """
        with unfinished(self.subject.out) as scratch, whole(scratch):
            model, guesses, judged = self._guessed()
            kept, right = sure(guesses, self.bar.threshold), precision(judged, self.bar.threshold)
            if not kept:
                most = max(guess.confidence for guess in guesses)
                raise ValueError(
                    f"No row has a label at least {self.bar} likely; the most is {most:.4g}. Lower "
                    "--threshold, or give the --adapter of a longer training."
                )
            lines = self._lines(kept)
            self._write(scratch, model, kept, lines, right)
        out = self.subject.out
        entry = plain(pool_entry(self.task, out.name, self.subject.path_of(out)))
        if self.quiet:
            print_json(
                {
                    **self._facts,
                    "model": model,
                    "kept": len(kept),
                    "lines": plain(lines),
                    "dev": plain(right),
                    "datasets": [entry],
                }
            )
            return OK
        self._show(kept, lines, right)
        print_text(f"\nWrote {self.subject.out}. {NOTE} Then add to the datasets of the study:\n")
        print_text(f"datasets:\n  - {one_line_yaml(entry)}")
        return OK

    @property
    def _facts(self) -> dict[str, Json]:
        left_out = {"leaked": self.sifted.leaked, "labelled": self.sifted.labelled, "repeated": self.sifted.repeated}
        return {
            "out": str(self.subject.out),
            "threshold": self.bar.threshold,
            "stage": self.bar.stage,
            "stages": self.bar.stages,
            "read": self.read,
            "answered": self.answered,
            "left_out": left_out,
            "rows": len(self.sifted.rows),
        }

    def _guessed(self) -> tuple[str, list[Guess], list[Guess]]:
        """Gives the model's name and the guesses of the rows and of the dev rows."""
        from cotune.training.elements import load_asker
        from cotune.training.pseudolabels import guess
        from cotune.training.saved import base_of, is_adapter

        config, name = self.subject.opened.config, self.task.name
        rows: list[Row] = [*self.sifted.rows, *self.task.rows["dev"]]
        with Screen(quiet=self.quiet) as screen:
            tell = Stages(screen).tell
            asker = load_asker(
                config.model, config.train, max_length=self.subject.max_length, trained=self.adapter, progress=tell
            )
            if self.adapter and is_adapter(self.adapter) and (base := base_of(self.adapter)) != asker.name:
                say(f"The adapter says that it was trained on {base!r}; the study's model is {asker.name!r}.")
            stage = f"labelling rows of {name}"
            tell(Progress(None, stage, 0, len(rows)))
            made = guess(asker, self.task, rows, tell=lambda done: tell(Progress(None, stage, done, len(rows))))
        count = len(self.sifted.rows)
        return asker.name, made[:count], made[count:]

    def _lines(self, kept: Sequence[Guess]) -> list[Line]:
        labelled = label_counts(self.task, [str(row.answer) for row in self.task.rows.get("train", ())])
        guessed = label_counts(self.task, [guess.label for guess in kept])
        weights = class_weights({label: labelled[label] + guessed[label] for label in self.task.labels})
        return [Line(label, labelled[label], guessed[label], weights[label]) for label in self.task.labels]

    def _write(self, folder: Path, model: str, kept: Sequence[Guess], lines: Sequence[Line], right: Precision) -> None:
        from cotune.training.elements import held_rows

        dev, test = held_rows(self.task, len(kept), seed=self.seed)
        facts = {key: value for key, value in self._facts.items() if key != "out"}
        about: Mapping[str, object] = {
            "name": self.subject.out.name,
            "source": f"labelled by {model} for {self.task.name} ({self.task.source})",
            "notes": "Pseudo-labels that a model gave rows without answers, by `cotune pseudolabel`. dev and test are "
            f"of the dev rows of {self.task.name}, with their gold labels.",
            "seed": self.seed,
            **facts,
            "classes": plain(lines),
            "dev_precision": plain(right),
        }
        weights = {line.label: line.weight for line in lines}
        write_pseudolabels(folder, self.task, kept, {"dev": dev, "test": test}, weights, about)

    def _show(self, kept: Sequence[Guess], lines: Sequence[Line], right: Precision) -> None:
        print_text(f"Kept {len(kept):,} of {len(self.sifted.rows):,} rows, with a label at least {self.bar} likely.")
        self._tell_left_out()
        print_table(
            ["label", "labelled", "kept", "weight"],
            [[line.label, f"{line.labelled:,}", f"{line.kept:,}", f"{line.weight:.3f}"] for line in lines],
        )
        print_text(_judged(right, len(self.task.rows["dev"])))
        if unkept := [line.label for line in lines if line.labelled and not line.kept]:
            print_text(f"Kept with none of the labels {unkept}: training on these rows alone would forget them.")

    def _tell_left_out(self) -> None:
        counts = {
            "in dev or test rows": self.sifted.leaked,
            f"in train rows of {self.task.name}": self.sifted.labelled,
            "repeated": self.sifted.repeated,
        }
        said = [f"{count:,} {what}" for what, count in counts.items() if count]
        if said:
            print_text(f"Left out of {self.read:,} rows: {', '.join(said)}.")
        if self.answered:
            print_text(f"Rows with an answer, which was not read: {self.answered:,}.")


def _judged(right: Precision, rows: int) -> str:
    if right.share is None or right.low is None or right.high is None:
        return f"None of {rows:,} dev rows is as sure: how often such labels are right is not known."
    return (
        f"Of {rows:,} dev rows {right.rows:,} are as sure, and {right.right:,} of those are right: {right.share:.1%} "
        f"[{right.low:.1%}, {right.high:.1%}]."
    )


def _columns(subject: Subject) -> Mapping[str, str]:
    entry = next(entry for entry in subject.opened.config.datasets if entry.name == subject.name)
    return {} if isinstance(entry, Task) else entry.columns


def _check_trained(folder: Path | None) -> None:
    if folder is None:
        return
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no adapter folder {str(folder)!r}.")
    if not any((folder / name).is_file() for name in ("adapter_config.json", "config.json")):
        raise ValueError(f"{str(folder)!r} holds no adapter (adapter_config.json) and no model; give what --out named.")
