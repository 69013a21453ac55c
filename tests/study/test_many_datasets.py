"""A pool of 64 datasets, whose mixtures cannot be listed: searched quickly, never twice, better than at random."""

import io
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cotune import Mixture, Problem, Request, Task, Trial, each, search
from cotune.reporting import Report, build_report, render_html, render_terminal
from cotune.search import Sampler
from cotune.study import Study
from cotune.trial import Proposal

NAMES = [f"a_dataset_with_a_long_name_{number:02d}" for number in range(64)]
PROBLEM = Problem([Task(name) for name in NAMES], NAMES[:1])
GAINS = dict(zip(NAMES[1:], np.random.default_rng(0).permutation([0.02] * 12 + [0.0] * 21 + [-0.01] * 30), strict=True))
TRIALS = 30


def planted(mixture: Mixture) -> float:
    """Twelve datasets help, thirty harm half as much, the others do nothing."""
    return float(0.3 + sum(GAINS.get(name, 0.0) for name in mixture.names))


def measure(request: Request) -> dict[str, float]:
    rng = np.random.default_rng([request.seed, len(request.mixture), *(NAMES.index(n) for n in request.mixture.names)])
    return {NAMES[0]: planted(request.mixture) + rng.normal(0, 0.005)}


class Timed:
    """A sampler that notes the processor seconds of each proposal."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self.seconds: list[float] = []

    def __call__(
        self, problem: Problem, ended: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
    ) -> list[Proposal]:
        start = time.process_time()
        proposals = self.sampler(problem, ended, pending, rng, count)
        self.seconds.append(time.process_time() - start)
        return proposals


def winner_of(folder: Path, sampler: Sampler, seed: int = 0) -> float:
    study = Study(folder, PROBLEM, seed=seed)
    study.run(each(measure), sampler=sampler, trials=TRIALS)
    winner = study.verdict().winner
    assert winner is not None
    return planted(winner)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Timed]:
    study, sampler = Study(tmp_path_factory.mktemp("many"), PROBLEM), Timed(search.default)
    study.run(each(measure), sampler=sampler, trials=TRIALS)
    return study, sampler


@pytest.fixture(scope="module")
def report(searched: tuple[Study, Timed]) -> Report:
    return build_report(PROBLEM, searched[0].records())


def test_no_request_comes_twice_and_the_search_no_mixture(searched: tuple[Study, Timed]) -> None:
    study, _ = searched
    requests = [record.request for record in study.records()]
    assert len(set(requests)) == len(requests)
    tried = [record.request.mixture for record in study.records() if record.proposal.mean is not None]
    assert len(set(tried)) == len(tried) > 10


def test_a_proposal_takes_seconds_at_most(searched: tuple[Study, Timed]) -> None:
    assert np.median(searched[1].seconds) < 3


def test_it_finds_more_than_random_search_on_average(searched: tuple[Study, Timed], tmp_path: Path) -> None:
    first = searched[0].verdict().winner
    assert first is not None
    ours = [planted(first), *(winner_of(tmp_path / f"ours {seed}", search.default, seed) for seed in (1, 2))]
    at_random = [winner_of(tmp_path / str(seed), search.random, seed) for seed in range(5)]
    assert np.mean(ours) > np.mean(at_random) + 0.01


def test_the_report_has_room_for_them(report: Report, searched: tuple[Study, Timed]) -> None:
    stream = io.StringIO()
    render_terminal(report, Console(file=stream, width=80, force_terminal=False))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(report.effects) == 63
    assert len(lines) < 250
    page = render_html(report)
    assert all(name in page for name in NAMES)
    assert len(page) < 1_500_000
    assert max(len(line.mixture) for line in report.trials) <= 90 + len(" + 64 more")
    assert len(report.verdict.sentence) < 1500


def test_effects_of_what_helps_and_what_harms_point_the_right_way(report: Report) -> None:
    mean = {effect.name: effect.mean for effect in report.effects}
    helping, harming = ([mean[name] for name, gain in GAINS.items() if gain * sign > 0] for sign in (1, -1))
    assert np.mean(helping) > np.mean(harming)
    wrong = [e.name for e in report.effects if (e.label == "helps" and GAINS[e.name] < 0)]
    assert len(wrong) <= 2
