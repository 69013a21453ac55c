"""Runs trainings in one process or several, and says beforehand how long they will take."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from statistics import mean

from benchmarks.balance.done import Done
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.training import Job, expected_seconds, run
from benchmarks.balance.work import Case, Work
from benchmarks.provenance import hardware
from benchmarks.working import say


@dataclass(frozen=True)
class Runner:
    """Runs cases of `work` on `pools` and adds their rows to `done`, in `jobs` processes of one thread each."""

    work: Work
    pools: Sequence[Pool]
    done: Done
    jobs: int = 1

    def run(self, stage: str, cases: Sequence[Case]) -> None:
        """Runs those cases that have no row yet."""
        missing = [case for case in dict.fromkeys(cases) if case not in self.done.rows]
        if not missing:
            return
        jobs = [self._job(case) for case in missing]
        say(f"{stage}: {len(missing)} of {len(cases)} trainings are left, {self._expected(jobs)}")
        started, machine = time.perf_counter(), hardware()
        for count, row in enumerate(self._rows(jobs), 1):
            self.done.add(replace(row, machine=machine))
            left = (time.perf_counter() - started) / count * (len(missing) - count)
            case = row.case
            what = f"{case.contestant} on {case.pool}, rate {case.lr:g}, seed {case.seed}, {case.tokens} tokens"
            said = row.error or f"{100 * mean(row.report.values()):.1f} points"
            say(f"{stage} {count}/{len(missing)}: {what}: {said}, {row.seconds:.1f} s; about {left / 60:.0f} min left")

    def _rows(self, jobs: Sequence[Job]) -> Iterator[Row]:
        """Yields rows as they come; with several processes in any order."""
        if self.jobs == 1:
            yield from map(run, jobs)
            return
        pool = ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn"))
        try:
            yield from (future.result() for future in as_completed([pool.submit(run, job) for job in jobs]))
        finally:
            pool.shutdown(cancel_futures=True)

    def _job(self, case: Case) -> Job:
        pool = next(pool for pool in self.pools if pool.name == case.pool)
        return Job(case, pool, self.work, self.done.code(case))

    def _expected(self, jobs: Sequence[Job]) -> str:
        """Says how long the trainings will take by those of each pool that were run, or by a few steps of one."""
        seconds = 0.0
        for pool in self.pools:
            mine = [job for job in jobs if job.case.pool == pool.name]
            known = [row.wall_seconds for case, row in self.done.rows.items() if case.pool == pool.name]
            if mine:
                seconds += len(mine) * (mean(known) if known else expected_seconds(mine[-1]))
        minutes = seconds / 60 / self.jobs
        return (
            f"about {minutes:.0f} min on {self.jobs} free core{'s' * (self.jobs > 1)}; merging gradients takes longer"
        )
