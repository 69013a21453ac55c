"""Reports on a study that was really run, on a landscape with noisy rows, and on the edges of what can happen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from balancings import balanced_as

from cotune import search
from cotune.journal import JournalView, read_journal
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting import Report, build_report, final_entry
from cotune.study import Study
from cotune.tally import Tally
from cotune.task import Row, Task
from cotune.trial import (
    Balancing,
    Evaluate,
    ExampleResults,
    Exposure,
    Proposal,
    Record,
    Request,
    TaskResult,
    Trial,
    each,
)

ROWS = 60


def tasks_of(names: Iterable[str]) -> list[Task]:
    rows = tuple(Row(str(index), {"text": "x"}, "y") for index in range(9))
    return [
        Task(
            name, "ner", rows={"train": rows, "dev": rows[:3]}, metric="entity_f1", licence="MIT", fingerprint="f" * 64
        )
        for name in names
    ]


def result_of(score: float, rng: np.random.Generator) -> TaskResult:
    hits = rng.random(ROWS) < score
    tallies = tuple((Tally("", 2.0 * hit, 2.0),) for hit in hits)
    return TaskResult(float(hits.mean()), 1 - score, examples=ExampleResults(tuple(map(str, range(ROWS))), tallies))


def noisy(problem: Problem, effect: Mapping[str, float]) -> Evaluate:
    def score(request: Request) -> Trial:
        rng = np.random.default_rng([request.seed, *map(ord, str(request.mixture))])
        quality = 0.4 + sum(effect.get(name, 0.0) for name in request.mixture.names)
        if str(request.mixture) == "a + f":
            return Trial(request, error="RuntimeError: loss is NaN at step 4", seconds=2.0)
        exposure = {name: Exposure(12_000 // len(request.mixture), 90, 1.5) for name in request.mixture.names}
        return Trial(request, {name: result_of(quality, rng) for name in problem.targets}, exposure, 20.0, "cpu")

    return each(score)


@pytest.fixture(scope="session")
def problem() -> Problem:
    return Problem(tasks_of("abcdef"), ["a"])


@pytest.fixture(scope="session")
def view(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> JournalView:
    folder = tmp_path_factory.mktemp("study")
    study = Study(folder, problem, settings={"model": "org/model", "budget": {"tokens": 12_000}})
    study.run(noisy(problem, {"b": 0.25, "e": -0.15}), sampler=search.random, trials=24)
    return read_journal(folder)


@pytest.fixture(scope="session")
def report(problem: Problem, view: JournalView) -> Report:
    similarity = dict(zip(problem.names, (1.0, 0.1, 0.5, 0.6, 0.7, 0.8), strict=True))
    return build_report(problem, view.records, view.log, name="tiny", settings=view.settings, similarity=similarity)


@pytest.fixture(scope="session")
def tested(problem: Problem, view: JournalView) -> Report:
    """The same study after `cotune train` read test."""
    rng = np.random.default_rng(0)
    mixtures = [Mixture.of("ab"), problem.target_only, problem.everything]
    reading = {mixture: {"a": result_of(0.9 - 0.2 * index, rng)} for index, mixture in enumerate(mixtures)}
    entry = replace(view.log[0], kind="test", payload=final_entry(problem, reading))
    return build_report(problem, view.records, [*view.log, entry], name="tiny")


def edge_cases() -> dict[str, Callable[[], Report]]:
    return {
        "no trials": lambda: _report("abc", lambda records: []),
        "all failed": lambda: _report("abc", _failed),
        "all pending": lambda: _report("abc", lambda records: [replace(record, trial=None) for record in records]),
        "one dataset": lambda: _report("a", list),
        "all equal": lambda: _report("abc", _flat),
        "two targets": lambda: _report("abc", list, targets=("a", "b")),
        "a front of two targets": lambda: _report("abc", list, targets=("a", "b"), objective="pareto"),
        "the worst of two, one to keep": lambda: _report(
            "abc", list, targets=("a", "b"), objective="worst", keep={"c": 0.05}
        ),
        "nothing keeps it": lambda: _report("abc", _losing, keep={"c": 0.0}),
        "weights of a balancer": lambda: _report("abc", _weighed),
        "gradients of a balancer": lambda: _report("abcd", _merged),
        "64 weights": lambda: _report([f"a_dataset_with_a_rather_long_name_{n:03d}" for n in range(64)], _weighed),
        "three levels": lambda: _report("abc", _uneven, levels=3),
        "64 long names": lambda: _report([f"a_dataset_with_a_rather_long_name_{n:03d}" for n in range(64)], list),
        "200 datasets": lambda: _report([f"d{n}" for n in range(200)], list),
        "hostile names": lambda: _report(["<script>alert(1)<", "\"'`&{{7*7}}", "]]>--><b onload=x>"], list),
    }


def _report(
    names: Iterable[str],
    change: Callable[[list[Record]], Sequence[Record]],
    targets: Sequence[str] = (),
    **options: Any,
) -> Report:
    tasks = tasks_of(names)
    problem = Problem(tasks, targets or [tasks[0].name], **options)
    rng = np.random.default_rng(0)
    records: list[Record] = []
    mixtures = [problem.target_only, problem.everything]
    mixtures += [Mixture.of([*problem.required, *rng.choice(problem.names, 3)]) for _ in range(4)]
    for number, mixture in enumerate([*mixtures, *mixtures[:2], Mixture()]):
        results = {name: result_of(rng.uniform(0.3, 0.7), rng) for name in problem.measured}
        exposure = {name: Exposure(1000, 9, 1.0) for name in mixture.names}
        proposal = Proposal(Request(mixture, number), "<i>why</i>", 0.5, 0.1)
        records.append(Record(number, proposal, Trial(proposal.request, results, exposure, 3.0), 1))
    return build_report(problem, change(records), name="</title><script>x</script>", settings={"<b>": "</style>"})


def _failed(records: list[Record]) -> list[Record]:
    return [replace(record, trial=Trial(record.request, error="<b>killed</b>\x1b[31m")) for record in records]


def _losing(records: list[Record]) -> list[Record]:
    """Every mixture scores nothing on c, the base model half."""
    changed = []
    for record in records:
        assert record.trial is not None
        kept = TaskResult(0.0 if len(record.request.mixture) else 0.5)
        changed.append(replace(record, trial=replace(record.trial, results={**record.trial.results, "c": kept})))
    return changed


def _weighed(records: list[Record]) -> list[Record]:
    def told(names: Sequence[str]) -> Balancing:
        weights = {name: (1 / len(names), 0.5 / (place + 1)) for place, name in enumerate(names)}
        pairs = [None, *([-0.5] * (len(names) * (len(names) - 1) // 2 - 1))]
        return Balancing("gradnorm", (1, 9), weights, (tuple(pairs), tuple(0.25 for _ in pairs)))

    return balanced_as(records, told)


def _merged(records: list[Record]) -> list[Record]:
    return balanced_as(records, lambda names: Balancing("pcgrad", (1,), dict.fromkeys(names, ()), ((None,),)))


def _uneven(records: list[Record]) -> list[Record]:
    """The same trials, each on more parts of a."""
    changed = []
    for record in records:
        assert record.trial is not None
        parts = record.request.mixture.to_json()
        mixture = Mixture.of({**parts, "a": 3} if record.number % 2 else parts)
        request = replace(record.request, mixture=mixture)
        changed.append(
            replace(record, proposal=Proposal(request, "search"), trial=replace(record.trial, request=request))
        )
    return changed


def _flat(records: list[Record]) -> list[Record]:
    flat = TaskResult(0.5, examples=ExampleResults(("1", "2"), ((Tally("", 1, 2),), (Tally("", 1, 2),))))
    return [replace(record, trial=Trial(record.request, {"a": flat})) for record in records]


@pytest.fixture(scope="session", params=edge_cases())
def edge(request: pytest.FixtureRequest) -> Report:
    return edge_cases()[request.param]()
