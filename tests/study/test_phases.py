"""A study spends exactly its budget, on phases that come in order."""

from pathlib import Path

import numpy as np
import pytest
from gains import counted, problem, run, sampler, score

from cotune import Mixture, Request, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.mixture import BASE
from cotune.search import process
from cotune.study import Event, Plan, Proposed, Round, Stopped, Study
from cotune.tally import Tally
from cotune.trial import ExampleResults


def test_phases_come_in_order_and_the_budget_is_exact(tmp_path: Path) -> None:
    study = run(tmp_path, trials=24)
    reasons = [record.proposal.reason for record in study.records()]
    assert reasons[:5] == ["base", *["anchor: target only", "anchor: all datasets"] * 2]
    assert reasons[5:16] == ["random"] * 11
    assert reasons[16:] == ["confirm: winner", "confirm: target only", "confirm: all datasets"] * 3
    assert [record.request.seed for record in study.records()[16:]] == [101] * 3 + [102] * 3 + [103] * 3
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) == 24
    assert study.stopped == "trials"
    assert study.verdict().winner == Mixture.of("abd")


@pytest.mark.parametrize("trials", range(1, 20))
def test_trials_are_a_cap_no_request_comes_twice_and_finalists_are_confirmed_equally(
    tmp_path: Path, trials: int
) -> None:
    evaluate, calls = counted()
    run(tmp_path, evaluate, trials=trials)
    spent = sum(request.mixture != BASE for request in calls)
    seeds = [len(found) for found in confirmed(tmp_path).values()]
    assert spent + (max(seeds, default=0) if len(seeds) == 2 else 0) == trials
    assert len(calls) == len(set(calls))
    assert len(set(seeds)) <= 1


def confirmed(folder: Path) -> dict[Mixture, list[int]]:
    """Gives the confirming seeds of each finalist."""
    found: dict[Mixture, list[int]] = {}
    for record in read_journal(folder).records:
        if record.proposal.reason.startswith("confirm"):
            found.setdefault(record.request.mixture, []).append(record.request.seed)
    return found


def test_an_anchor_that_wins_leaves_a_share_of_the_confirmation_unspent(tmp_path: Path) -> None:
    evaluate = each(lambda request: {"a": 1 / (1 + len(request.mixture)) + 1e-4 * request.seed})
    study = run(tmp_path, evaluate, trials=24)
    assert confirmed(tmp_path) == {mixture: [101, 102, 103] for mixture in (Mixture.of("a"), Mixture.of("abcde"))}
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) == 21
    assert "3 fine-tunings are left" in str(read_journal(tmp_path).logged("stopped")[-1].payload["message"])
    assert run(tmp_path, evaluate, trials=24).records() == study.records()


def test_a_second_confirmation_adds_what_is_missing_with_the_same_seeds(tmp_path: Path) -> None:
    run(tmp_path, trials=12)
    assert set(map(tuple, confirmed(tmp_path).values())) == {(101,)}
    winner = run(tmp_path, trials=24).verdict().winner
    later = confirmed(tmp_path)
    assert {mixture: later[mixture] for mixture in (winner, Mixture.of("a"), Mixture.of("abcde"))} == {
        mixture: [101, 102, 103] for mixture in (winner, Mixture.of("a"), Mixture.of("abcde"))
    }


def test_more_trials_in_small_steps_search_nearly_as_much_as_at_once(tmp_path: Path) -> None:
    for trials in (14, 17, 20, 23, 26):
        run(tmp_path / "steps", trials=trials)
    run(tmp_path / "once", trials=26)
    many = [
        len({record.request.mixture for record in read_journal(tmp_path / way).records}) for way in ("steps", "once")
    ]
    assert many[1] - many[0] <= 3  # at most one winner more was confirmed


@pytest.mark.parametrize("trials", [1, 6, 10, 24])
@pytest.mark.parametrize("gain", [0.0, -0.5])
def test_what_is_said_to_come_next_is_what_comes(tmp_path: Path, trials: int, gain: float) -> None:
    study, said = Study(tmp_path, problem()), []

    def foretell(event: Event) -> None:
        if isinstance(event, Round):
            said.append(study.upcoming(Plan(trials), sampler=sampler))
        if isinstance(event, Proposed):
            assert said.pop() == [record.proposal for record in event.records]

    said.append(study.upcoming(Plan(trials), sampler=sampler))
    evaluate = each(lambda request: {"a": score(request) + gain * len(request.mixture)})
    study.run(evaluate, sampler=sampler, trials=trials, on_event=foretell)
    last = read_journal(tmp_path).logged("stopped")[-1].payload
    assert [found.to_json() for found in said if isinstance(found, Stopped)] == [last]
    assert study.upcoming(Plan(trials), sampler=sampler) == said[-1]


def with_examples(request: Request) -> Trial:
    """Scores 60 dev examples, so that scores are noisy by the choice of them."""
    rng = np.random.default_rng([request.seed, *map(ord, "".join(request.mixture.names))])
    hits = rng.random(60) < 0.3 + 0.05 * len(request.mixture)
    tallies = tuple((Tally("", float(hit), 1.0),) for hit in hits)
    return Trial(request, {"a": TaskResult(hits.mean(), examples=ExampleResults(tuple(map(str, range(60))), tallies))})


@pytest.mark.parametrize("trials", [5, 7, 9])
def test_what_is_said_to_come_next_does_not_depend_on_the_reading_of_examples(tmp_path: Path, trials: int) -> None:
    for more in (0, 1):
        study, options = Study(tmp_path, problem()), {"trials": trials + more, "confirm": 0, "repeats": False}
        said = study.upcoming(Plan(**options), sampler=process) if more else []
        study.run(each(with_examples), sampler=process, **options)
    assert said == [study.records()[-1].proposal]


def test_few_trials_shrink_repeats_and_confirmation_but_never_the_search() -> None:
    for trials in range(3, 60):
        plan = Plan(trials)
        anchors = 2 * len(plan.anchor_seeds)
        assert trials - anchors - plan.reserve(problem()) >= plan.reserve(problem())
        assert trials - anchors - plan.reserve(problem()) >= 1
    assert [Plan(n).reserve(problem()) for n in (3, 4, 8, 12, 24, 60)] == [0, 0, 0, 3, 9, 9]


def test_anchors_that_coincide_run_once(tmp_path: Path) -> None:
    study = Study(tmp_path, problem("a"))
    evaluate, calls = counted()
    study.run(evaluate, sampler=sampler, trials=24)
    assert len(calls) == len(set(calls))
    assert [record.proposal.reason for record in study.records()[:3]] == ["base", *["anchor: target only"] * 2]
    assert study.stopped == "exhausted"


def test_a_table_without_noise_is_neither_repeated_nor_confirmed(tmp_path: Path) -> None:
    evaluate, calls = counted()
    run(tmp_path, evaluate, trials=16, repeats=False, base=False)
    assert [request.seed for request in calls] == [0] * 16
    assert len({request.mixture for request in calls}) == 16


def test_more_trials_go_on_searching_and_confirm_again(tmp_path: Path) -> None:
    run(tmp_path, trials=12)
    study = run(tmp_path, trials=20)
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) == 20
    assert len({record.request for record in study.records()}) == len(study.records())
    assert run(tmp_path, trials=15).records() == study.records()
