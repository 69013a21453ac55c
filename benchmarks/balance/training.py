"""The trainings: one case at a time, on one model that a process keeps for all cases of a pool."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from statistics import mean

import torch

from benchmarks.balance.contestants import Contestant, named
from benchmarks.balance.pools import CHOOSE, REPORT, Pool
from benchmarks.balance.row import Row
from benchmarks.balance.work import Case, Work
from benchmarks.width import Clock
from cotune.cache import cache_root
from cotune.mixture import Mixture
from cotune.tally import tally_score
from cotune.training import Budget, FineTune
from cotune.training.balance.choice import EQUAL
from cotune.training.engine import Engine
from cotune.training.errors import TrialError
from cotune.training.estimate import measured_seconds
from cotune.trial import Progress, Request, TaskResult, Trial


@dataclass(frozen=True)
class Job:
    """A case with all that a process needs to run it; `code` is its contestant's fingerprint."""

    case: Case
    pool: Pool
    work: Work
    code: str


@dataclass
class Bench:
    """A loaded model and a clock that is told of its progress."""

    engine: Engine
    clock: Clock = field(default_factory=Clock)


def run(job: Job) -> Row:
    """Runs one case; a training that fails gives a row without scores."""
    torch.set_num_threads(1)
    return _timed(job) if job.case.is_timing else _trained(job)


def _trained(job: Job) -> Row:
    bench = _bench(job.pool.name, job.pool.mark, job.work, _Kept(job.pool))
    contestant = named(job.case.contestant)
    engine = _settled(bench.engine, job, contestant)
    bench.clock.start()
    started = time.perf_counter()
    (trial,) = engine.run_all([_request(engine, job, contestant)])
    bench.clock.tell(Progress(None, "", 0, 1))
    seconds = bench.clock.processor.get("train", 0.0)
    return _row(job, trial, seconds, time.perf_counter() - started)


def _timed(job: Job) -> Row:
    """Trains with equal weights and as the contestant says in turn; on a machine with other work ratios keep."""
    started, pool = time.perf_counter(), job.pool.unscored
    bench = _bench(pool.name, pool.mark, job.work, _Kept(pool))
    equal, contestant = named(EQUAL), named(job.case.contestant)
    try:
        seconds = [_seconds(bench, job, each) for each in (equal, contestant, equal, contestant, equal)]
    except TrialError as error:
        return Row(job.case, job.code, error=str(error))
    wall = time.perf_counter() - started
    return Row(job.case, job.code, seconds=mean(seconds[1::2]), beside=mean(seconds[::2]), wall_seconds=wall)


def _seconds(bench: Bench, job: Job, contestant: Contestant) -> float:
    """Gives the processor's seconds of a training.

    Raises:
        TrialError: it fails.
    """
    engine = _settled(bench.engine, job, contestant)
    bench.clock.start()
    (trial,) = engine.run_all([_request(engine, job, contestant)])
    bench.clock.tell(Progress(None, "", 0, 1))
    if trial.error is not None:
        raise TrialError(trial.error)
    return bench.clock.processor["train"]


def expected_seconds(job: Job) -> float:
    """Gives the seconds of a training under equal weights with its scoring, from a few real steps."""
    torch.set_num_threads(1)
    bench = _bench(job.pool.name, job.pool.mark, job.work, _Kept(job.pool))
    equal = named(EQUAL)
    engine = _settled(bench.engine, job, equal)
    request = _request(engine, job, equal)
    seconds, _ = measured_seconds(engine, request, engine.plan(request))
    return seconds


@dataclass(frozen=True)
class _Kept:
    """A pool that no cache looks at."""

    pool: Pool = field(compare=False)


@lru_cache(maxsize=1)
def _bench(name: str, mark: str, work: Work, kept: _Kept) -> Bench:  # noqa: ARG001 (the cache goes by them)
    """Loads the model for a pool, in place of that for another."""
    clock, pool = Clock(), kept.pool
    evaluate = FineTune(
        work.model,
        pool.tasks,
        targets=pool.targets,
        budget=Budget(tokens=work.tokens),
        lora=work.lora,
        train=work.train,
        scoring=work.scoring,
        cache=cache_root(),
        progress=clock.tell,
    )
    return Bench(evaluate.engine, clock)


def _settled(engine: Engine, job: Job, contestant: Contestant) -> Engine:
    """Gives an engine with the settings of a case on a loaded model: loading takes as long as some trainings do."""
    train = replace(job.work.train, lr=job.case.lr, **contestant.train)  # type: ignore[arg-type]
    setup = replace(engine.setup, train=train, budget=Budget(tokens=job.case.tokens), size_policy=contestant.policy)
    return engine.under(setup)


def _request(engine: Engine, job: Job, contestant: Contestant) -> Request:
    names = [task.name for task in job.pool.tasks] if contestant.only is None else contestant.only
    if not contestant.is_by_rows:
        return Request(Mixture.of(names), job.case.seed)
    rows = engine.pool(names)
    parts = {name: round(sum(row.tokens for row in rows[name]) / len(rows[name])) for name in names}
    return Request(Mixture.of(parts), job.case.seed)


def _row(job: Job, trial: Trial, seconds: float, wall_seconds: float) -> Row:
    if trial.error is not None:
        return Row(job.case, job.code, error=trial.error)
    results = {name: trial.results[name] for name in job.pool.targets}
    return Row(
        job.case,
        job.code,
        {name: score(result, CHOOSE) for name, result in results.items()},
        {name: score(result, REPORT) for name, result in results.items()},
        {name: loss(result, REPORT) for name, result in results.items()},
        seconds,
        wall_seconds,
        trial.tokens,
    )


def score(result: TaskResult, mark: str) -> float:
    """Gives the score on the rows whose ids begin with a mark."""
    return tally_score([result.examples.tallies[place] for place in _places(result, mark)])


def loss(result: TaskResult, mark: str) -> float:
    """Gives the loss per answer token on the rows whose ids begin with a mark."""
    examples, places = result.examples, _places(result, mark)
    return sum(examples.losses[place] for place in places) / sum(examples.answer_tokens[place] for place in places)


def _places(result: TaskResult, mark: str) -> Sequence[int]:
    return [place for place, name in enumerate(result.examples.ids) if name.startswith(mark)]
