"""The measurement: trainings on a few labelled rows, alone and with the others' pseudo-labels."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.engine.tasks import WORDS
from benchmarks.pseudolabels.work import Done, Found, Work
from benchmarks.working import say
from cotune.cache import cache_root
from cotune.mixture import Mixture
from cotune.task import Row, Task, Template
from cotune.tasks.pseudolabels import Guess, precision, sure
from cotune.training import Budget, FineTune, Lora
from cotune.training.elements import Asker, load_asker
from cotune.training.pseudolabels import guess
from cotune.trial import Request

PSEUDO = "-pseudo"
SAMPLE = 16
"""Rows that are labelled to tell the time."""


def split(task: Task, share: float, seed: int) -> tuple[Task, list[Row]]:
    """Gives the task with a share of its train rows, two or more, and the other rows; a larger share has the smaller's.

    >>> rows = tuple(Row(str(number), {"text": "a"}, "x") for number in range(300))
    >>> few, rest = split(Task("a", rows={"train": rows}), 0.01, 0)
    >>> len(few.rows["train"]), len(rest)
    (3, 297)
    """
    rows = task.rows["train"]
    drawn = np.random.default_rng(seed).permutation(len(rows))[: max(2, round(share * len(rows)))]
    chosen = {int(place) for place in drawn}
    labelled = tuple(row for place, row in enumerate(rows) if place in chosen)
    return replace(task, rows={**task.rows, "train": labelled}), [
        row for place, row in enumerate(rows) if place not in chosen
    ]


def measure(work: Work, task: Task, done: Done) -> None:
    """Measures every share and seed that is not done yet, and all labels on every seed; says how long it takes."""
    groups = [(share, seed) for seed in range(work.seeds) for share in (*work.shares, 1.0)]
    missing = [group for group in groups if group not in done.found]
    if missing:
        say(
            f"{len(missing)} of {len(groups)} are left, about {_expected(work, task, missing) / 60:.0f} min on one core"
        )
    started = time.perf_counter()
    for count, (share, seed) in enumerate(missing, 1):
        done.add(list(_group(work, task, share, seed)))
        rows = done.found[share, seed]
        said = ", ".join(f"{row.threshold or 'labels alone'}: {row.score:.3f}" for row in rows)
        left = (time.perf_counter() - started) / count * (len(missing) - count)
        say(f"{count}/{len(missing)} {share:.0%} of labels, seed {seed}: {said}; about {left / 60:.0f} min left")


def _group(work: Work, task: Task, share: float, seed: int) -> Iterator[Found]:
    """Yields what a training on labelled rows gave, and one with the pseudo-labels of each threshold beside them."""
    few, rest = split(task, share, seed)
    with TemporaryDirectory() as folder:
        score = _trained(work, [few], seed, Path(folder))
        yield Found(share, seed, None, score)
        if not rest:
            return
        guesses = guess(_asker(work, Path(folder)), few, rest)
    for least in work.thresholds:
        kept = sure(guesses, least)
        got = _trained(work, [few, _pseudo(task, kept)], seed) if kept else score
        yield Found(share, seed, least, got, len(kept) / len(rest), precision(guesses, least).share)


def _trained(work: Work, tasks: Sequence[Task], seed: int, folder: Path | None = None) -> float:
    """Trains on all of the tasks, scores the first on its dev rows, and saves the adapter where a folder is given."""
    fine_tune, request = _fine_tune(work, tasks), Request(Mixture.of([task.name for task in tasks]), seed)
    adapter = fine_tune.fit(request)
    if folder is not None:
        adapter.save(folder)
    score = fine_tune.score(adapter, split="dev")[tasks[0].name].score
    if score is None:
        raise ValueError(f"Dataset {tasks[0].name!r} has no score.")
    return score


def _fine_tune(work: Work, tasks: Sequence[Task]) -> FineTune:
    targets, budget, lora = [tasks[0].name], Budget(tokens=work.tokens), Lora(layers=work.layers)
    unscored = [replace(task, rows={"train": task.rows["train"]}) for task in tasks[1:]]
    return FineTune(
        work.model,
        [tasks[0], *unscored],
        targets=targets,
        budget=budget,
        lora=lora,
        train=work.train,
        cache=cache_root(),
    )


def _asker(work: Work, trained: Path | None) -> Asker:
    return load_asker(work.model, work.train, max_length=work.train.max_length, trained=trained)


def _pseudo(task: Task, kept: Sequence[Guess]) -> Task:
    rows = tuple(replace(guess.row, answer=guess.label) for guess in kept)
    return replace(task, name=task.name + PSEUDO, rows={"train": rows})


def _expected(work: Work, task: Task, missing: Sequence[tuple[float, int]]) -> float:
    """Gives the seconds of what is missing on a free core, from a few real steps and rows.

    A training is told in seconds of the clock; the processor's part of them takes other work on the machine out.
    """
    few, rest = split(task, work.shares[0], 0)
    fine_tune = _fine_tune(work, [few])
    fine_tune.settings()  # the model is loaded by then
    began, started = time.perf_counter(), time.process_time()
    seconds = fine_tune.estimate(Request(Mixture.of([few.name]), 0), measure=True).seconds or 0.0
    training = seconds * (time.process_time() - started) / (time.perf_counter() - began)
    asker, some = _asker(work, None), rest[:SAMPLE]
    started = time.process_time()
    guess(asker, few, some)
    labelling = (time.process_time() - started) / len(some) * len(rest)
    return sum(training if share == 1 else training * (1 + len(work.thresholds)) + labelling for share, _ in missing)


def made_up(rows: int = 60, dev: int = 20) -> Task:
    """Gives a classification of random words by the first of them, which a random model can learn a little of."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, size=3)) + f" {number}" for number in range(rows + dev)]
    made = [Row(str(n), {"text": text}, "early" if text[0] < "g" else "late") for n, text in enumerate(texts)]
    template = Template("", "{text}\nLabel:")
    splits = {"train": tuple(made[:rows]), "dev": tuple(made[rows:])}
    return Task("words", "classification", splits, labels=("early", "late"), template=template, metric="accuracy")
