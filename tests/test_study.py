"""A study spends exactly its budget, stops by the rule it names, and equals itself however it was cut up."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each
from cotune.journal import JournalError, read_journal
from cotune.mixture import BASE
from cotune.study import EvaluateError, Event, Finished, Plan, Proposed, Round, Stopped, Study, interruptible, reuse
from cotune.trial import Evaluate, Proposal

MEMORY = Path("/dev/shm")
"""Hundreds of studies are run below; where there is a disk in memory, none waits for a real one."""

POOL = [Task(name, fingerprint=f"content of {name}") for name in "abcde"]
GAINS = {"a": 0.4, "b": 0.2, "c": -0.1, "d": 0.05, "e": -0.05}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


def problem(names: str = "abcde", targets: str = "a") -> Problem:
    return Problem([task for task in POOL if task.name in names], targets=list(targets))


def score(request: Request) -> float:
    noise = np.random.default_rng([request.seed, *map(ord, "".join(request.mixture.names))]).normal(0, 0.01)
    return float(sum(GAINS[name] for name in request.mixture.names) + noise)


def measure(request: Request) -> dict[str, float]:
    return {"a": score(request)}


def sampler(
    problem: Problem, trials: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Learns the mean score from the trials, so that it can only be repeated if it is given the same ones."""
    known = {trial.request.mixture for trial in trials} | {request.mixture for request in pending}
    left = [mixture for mixture in problem.mixtures() if mixture not in known]
    mean = float(np.mean([problem.value(trial) for trial in trials if trial.is_finished] or [0]))
    picked = rng.permutation(len(left))[:count]
    return [Proposal(Request(left[index]), "random", mean, 0.1, 0.5 / (1 + len(trials))) for index in picked]


def counted(function: Callable[[Request], object] = measure) -> tuple[Evaluate, list[Request]]:
    calls: list[Request] = []

    def evaluate(request: Request) -> Trial:
        calls.append(request)
        return Trial(request, {name: TaskResult(value) for name, value in function(request).items()})  # type: ignore[attr-defined]

    return each(evaluate), calls


def essence(folder: Path) -> list[object]:
    """What must be equal between two runs: all but seconds and attempts."""
    records = read_journal(folder).records
    return [
        (record.number, record.proposal, record.trial and replace(record.trial, seconds=0.0, device=""))
        for record in records
    ]


def run(folder: Path, evaluate: Evaluate | None = None, **options: object) -> Study:
    study = Study(folder, problem())
    study.run(evaluate or each(measure), **{"sampler": sampler, **options})  # type: ignore[arg-type]
    return study


# Phases


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


# Stop rules


def test_a_second_run_trains_nothing(tmp_path: Path) -> None:
    before = run(tmp_path, trials=10).records()
    evaluate, calls = counted()
    assert run(tmp_path, evaluate, trials=10).records() == before
    assert calls == []


def test_hours_stop_before_the_next_batch(tmp_path: Path) -> None:
    study = run(tmp_path, hours=1e-9)
    assert (study.stopped, study.records()) == ("hours", [])
    assert run(tmp_path, trials=4).stopped == "trials"


def test_patience_counts_searched_trials_without_a_better_value(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: {"a": 0.5}), patience=3, confirm=1)
    reasons = [record.proposal.reason.split(":")[0] for record in study.records()]
    assert reasons == ["base"] + ["anchor"] * 4 + ["random"] * 3 + ["confirm"] * 2
    assert study.stopped == "patience"
    assert len(run(tmp_path, each(lambda request: {"a": 0.5}), patience=3, confirm=1).records()) == len(reasons)


def test_a_small_expected_improvement_stops(tmp_path: Path) -> None:
    study = run(tmp_path, min_improvement=0.5 / 7.5, confirm=0)  # offered: 0.5 / (1 + trials), five trials at first
    assert sum(record.proposal.reason == "random" for record in study.records()) == 2
    assert study.stopped == "improvement"


def test_an_exhausted_space_stops_and_confirms(tmp_path: Path) -> None:
    study = Study(tmp_path, problem("abc"))
    study.run(each(measure), sampler=sampler, trials=24)
    assert {record.request.mixture for record in study.records()} - {BASE} == set(problem("abc").mixtures())
    assert sum(record.proposal.reason.startswith("confirm") for record in study.records()) == 9
    assert study.stopped == "exhausted"


def test_when_every_trial_fails_the_study_says_so(tmp_path: Path) -> None:
    def fail(request: Request) -> dict[str, float]:
        raise RuntimeError("no such model")

    for trials in (1, 2, 24):
        study = run(tmp_path / str(trials), each(fail), trials=trials)
        assert study.stopped == "failures"
        (entry,) = read_journal(study.folder).logged("stopped")
        assert "every trial failed: first error: RuntimeError: no such model" in str(entry.payload["message"])
        assert study.verdict().winner is None


@pytest.mark.parametrize("names", ["a", "ab"])
def test_equal_scores_and_tiny_pools_end_honestly(tmp_path: Path, names: str) -> None:
    study = Study(tmp_path, problem(names))
    study.run(each(lambda request: {"a": 0.5}), sampler=sampler, trials=12)
    assert study.stopped == "exhausted"
    assert study.verdict().winner == Mixture.of("a")


@pytest.mark.parametrize("levels", [1, 3])
def test_two_hundred_datasets_are_searched(tmp_path: Path, levels: int) -> None:
    study = Study(tmp_path, Problem([Task(f"t{index}") for index in range(200)], targets=["t0"], levels=levels))
    study.run(each(lambda request: {"t0": 1 / (1 + len(request.mixture))}), trials=8)
    assert study.stopped == "trials"


# Failures


def test_a_failed_trial_is_retried_once_and_counted(tmp_path: Path) -> None:
    seen: set[Request] = set()

    def flaky(request: Request) -> dict[str, float]:
        if len(request.mixture) == 2 and request not in seen:
            seen.add(request)
            raise MemoryError("out of memory")
        if len(request.mixture) == 3:
            raise ValueError("never works")
        return measure(request)

    study = run(tmp_path, each(flaky), trials=20)
    for record in study.records():
        if record.trial and len(record.request.mixture) in (2, 3):
            assert record.attempts == 2 or not record.trial.is_finished
            assert record.trial.is_finished == (len(record.request.mixture) == 2) or record.attempts == 1
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) in (19, 20)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"a": float("inf")}, "the score of 'a' is inf"),
        ({"a": float("-inf")}, "the score of 'a' is -inf"),
        ({"a": float("nan")}, "the score of 'a' is nan"),
        ({"a": 0.5, "b": float("nan")}, "the score of 'b' is nan"),
        ({"a": None}, "no score for target 'a'"),
        ({"a": "0.5"}, "the score of 'a' is '0.5'"),
        ({"a": True}, "the score of 'a' is True"),
        ({"b": 0.5}, "no score for target 'a'"),
        ({"a": 0.5, "typo": 0.5}, "unknown datasets ['typo']"),
        ({"a": 0.5, 3: 0.5}, "unknown datasets ['3']"),
        (None, "got None"),
    ],
)
def test_a_score_that_cannot_be_used_fails_its_trial_by_name(tmp_path: Path, scores: object, words: str) -> None:
    study = run(tmp_path, each(lambda request: measure(request) if request.seed else scores), trials=8)  # type: ignore[arg-type, return-value]
    first = study.records()[1]
    assert first.trial is not None
    assert words in str(first.trial.error)
    assert first.attempts == 2
    finished = [record for record in study.records() if record.trial and record.trial.is_finished]
    assert {record.request.seed for record in finished} <= {1, 101, 102}


def test_a_nan_loss_is_never_a_finished_trial(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: Trial(request, {"a": TaskResult(0.5, float("nan"))})), trials=4)
    assert study.stopped == "failures"
    assert "the loss of 'a' is nan" in str(study.records()[1].trial)


def test_numpy_numbers_become_plain_ones(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: {"a": np.float32(0.5)}), trials=2)  # type: ignore[dict-item]
    assert all(type(record.trial.results["a"].score) is float for record in study.records() if record.trial)


def test_a_trial_nobody_asked_for_is_an_error_and_a_missing_one_a_failure(tmp_path: Path) -> None:
    def stray(requests: Sequence[Request]) -> Iterable[Trial]:
        yield Trial(Request(Mixture.of("bc"), 77), {"a": TaskResult(0.5)})

    def twice(requests: Sequence[Request]) -> Iterable[Trial]:
        yield from [Trial(requests[0], {"a": TaskResult(0.5)})] * 2

    for evaluate in (stray, twice, lambda requests: [0.5]):
        with pytest.raises(EvaluateError):
            run(tmp_path / "stray", evaluate, trials=4)  # type: ignore[arg-type]
    study = run(tmp_path / "missing", lambda requests: [], trials=4)
    assert "without a result" in str(study.records()[1].trial)


def test_in_a_batch_only_the_one_that_raises_fails(tmp_path: Path) -> None:
    def evaluate(request: Request) -> dict[str, float]:
        if request.mixture == Mixture.of("abcde"):
            raise RuntimeError("too long")
        return measure(request)

    study = run(tmp_path, each(evaluate), trials=12, batch=4)
    failed = {record.request.mixture for record in study.records() if record.trial and not record.trial.is_finished}
    assert failed == {Mixture.of("abcde")}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda *given: [Proposal(Request(Mixture.of("bc")), "x")], "does not allow"),
        (lambda *given: [Proposal(Request(Mixture.of("a")), "x")], "fresh seed"),
        (lambda *given: [Proposal(Request(Mixture.of("ab"), seed), "x") for seed in (1, 2)], "at most 1"),
    ],
)
def test_a_sampler_that_breaks_its_contract_is_told(tmp_path: Path, bad: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(tmp_path, sampler=bad)


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 0},
        {"trials": 2.5},
        {"batch": 0},
        {"patience": 0},
        {"hours": 0},
        {"confirm": -1},
        {"min_improvement": -1},
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        run(tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


# Resuming


class Cut(BaseException):
    """Stands for a sudden end of the program in the middle of a trial."""


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cut", range(0, 26, 3))
def test_cut_and_resumed_a_study_equals_an_uninterrupted_one(tmp_path: Path, cut: int, batch: int) -> None:
    run(tmp_path / "whole", trials=20, batch=batch)
    left = [cut]

    def cutting(request: Request) -> dict[str, float]:
        left[0] -= 1
        if left[0] < 0:
            raise Cut
        return measure(request)

    for _ in range(3):
        left[0] = cut
        try:
            run(tmp_path / "cut", each(cutting), trials=20, batch=batch)
        except Cut:
            continue
    evaluate, calls = counted()
    done = {record.request for record in Study(tmp_path / "cut", problem()).records() if record.trial}
    run(tmp_path / "cut", evaluate, trials=20, batch=batch)
    assert not done & set(calls)
    assert essence(tmp_path / "cut") == essence(tmp_path / "whole")


def test_replaying_the_records_gives_the_same_proposals(tmp_path: Path) -> None:
    study = run(tmp_path, trials=16)
    records = study.records()
    for index, record in enumerate(records):
        if record.proposal.reason == "random":
            trials = [earlier.trial for earlier in records[:index] if earlier.trial]
            rng = np.random.default_rng([study.seed, index])
            assert sampler(study.problem, trials, [], rng, 1) == [record.proposal]


def test_another_seed_searches_elsewhere_and_is_not_mixed(tmp_path: Path) -> None:
    first = run(tmp_path / "0", trials=12)
    second = Study(tmp_path / "1", problem(), seed=1)
    second.run(each(measure), sampler=sampler, trials=12)
    assert [record.request for record in first.records()] != [record.request for record in second.records()]
    with pytest.raises(JournalError, match="search seed: 0 -> 1"):
        Study(tmp_path / "0", problem(), seed=1).run(each(measure))


class Tuned:
    """An evaluation that tells what makes its scores comparable."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.calls: list[Request] = []

    def __call__(self, requests: Sequence[Request]) -> Iterable[Trial]:
        for request in requests:
            self.calls.append(request)
            yield Trial(request, {"a": TaskResult(score(request))})

    def settings(self) -> dict[str, object]:
        return {"budget": {"tokens": self.tokens}}


def test_a_changed_budget_dataset_or_target_stops_with_the_difference(tmp_path: Path) -> None:
    Study(tmp_path, problem()).run(Tuned(200_000), sampler=sampler, trials=3)
    changed = [replace(task, fingerprint="new") if task.name == "b" else task for task in POOL]
    attempts = [
        (problem(), 50_000, "budget.tokens: 200000 -> 50000"),
        (Problem(changed, targets=["a"]), 200_000, "dataset 'b' has other content"),
        (problem(targets="b"), 200_000, "objective.b: (none) -> 1.0"),
    ]
    for other, tokens, words in attempts:
        with pytest.raises(JournalError) as caught:
            Study(tmp_path, other).run(Tuned(tokens), sampler=sampler, trials=3)
        assert words in str(caught.value)
    study = Study(tmp_path, problem(), allow=True)
    study.run(Tuned(50_000), sampler=sampler, trials=3)
    assert len(study.records()) == 4


def test_a_dataset_added_keeps_old_trials_and_one_removed_leaves_out_its_own(tmp_path: Path) -> None:
    Study(tmp_path, problem("abc")).run(each(measure), sampler=sampler, trials=8)
    before = Study(tmp_path, problem("abc")).records()
    evaluate, calls = counted()
    study = Study(tmp_path, problem("abcd"))
    study.run(evaluate, sampler=sampler, trials=14)
    assert study.records()[: len(before)] == before
    assert Mixture.of("abcd") in {request.mixture for request in calls}
    assert not {record.request for record in before} & set(calls)
    small = Study(tmp_path, problem("ac"))
    small.run(evaluate, sampler=sampler, trials=16)
    assert set(calls[-1].mixture.names) <= {"a", "c"}


def test_other_studies_trials_are_reused_and_marked(tmp_path: Path) -> None:
    Study(tmp_path / "one", problem()).run(Tuned(7), sampler=sampler, trials=12)
    trained = Tuned(7)
    study = Study(tmp_path / "two", problem(), seed=1)
    study.run(reuse(trained, [tmp_path / "one", tmp_path / "none"], POOL), sampler=sampler, trials=12)
    one = {record.request: record.trial for record in Study(tmp_path / "one", problem()).records()}
    for record in study.records():
        assert record.trial is not None
        assert record.trial.source == ("one" if record.request in one else "")
        assert (record.request in one) != (record.request in trained.calls)
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) == 12
    for other, pool in ((Tuned(8), POOL), (Tuned(7), [*POOL, Task("f")])):
        Study(tmp_path / str(len(pool)) / str(other.tokens), problem()).run(
            reuse(other, [tmp_path / "one"], pool), sampler=sampler, trials=3
        )
        assert len(other.calls) == 4


def test_why_nothing_can_be_taken_from_a_study_is_told(tmp_path: Path) -> None:
    Study(tmp_path / "one", problem()).run(Tuned(7), sampler=sampler, trials=3)
    folders = [tmp_path / "one", tmp_path / "none"]
    assert reuse(Tuned(7), folders, POOL).obstacles() == {folders[1]: "there is no study in it"}
    assert reuse(Tuned(8), folders[:1], POOL).obstacles() == {folders[0]: "its trials were made with another budget"}
    (why,) = reuse(Tuned(7), folders[:1], [*POOL, Task("f")]).obstacles().values()
    assert why.startswith("it lacks ['f']")


# Stopping from outside, and watching


def test_a_wish_to_stop_that_comes_before_the_run_is_kept(tmp_path: Path) -> None:
    study, (evaluate, calls) = Study(tmp_path, problem()), counted()
    study.request_stop()
    study.run(evaluate, sampler=sampler, trials=4)
    assert (study.stopped, calls) == ("interrupted", [])
    study.run(evaluate, sampler=sampler, trials=4)
    assert study.stopped == "trials"


def test_a_wish_to_stop_is_met_between_trials_and_costs_nothing(tmp_path: Path) -> None:
    study = Study(tmp_path, problem())
    evaluate, calls = counted()

    def watch(event: Event) -> None:
        if isinstance(event, Finished) and event.fine_tunings == 3:
            study.request_stop()

    study.run(evaluate, sampler=sampler, trials=12, batch=2, on_event=watch)
    assert study.stopped == "interrupted"
    assert len(calls) == 4
    study.run(evaluate, sampler=sampler, trials=12, batch=2)
    run(tmp_path / "whole", trials=12, batch=2)
    assert essence(tmp_path) == essence(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(tmp_path: Path, number: signal.Signals) -> None:
    study = Study(tmp_path, problem())

    def evaluate(request: Request) -> dict[str, float]:
        if len(study.records()) and request.mixture == Mixture.of("abcde"):
            signal.raise_signal(number)
        return measure(request)

    before = signal.getsignal(number)
    with interruptible(study.request_stop) as seen:
        study.run(each(evaluate), sampler=sampler, trials=12)
        assert (seen.signal, study.stopped) == (number, "interrupted")
        with pytest.raises(KeyboardInterrupt):
            study.run(each(evaluate), sampler=sampler, trials=12)
    assert signal.getsignal(number) == before
    assert study.stopped == "interrupted"
    pending = [record for record in study.records() if record.trial is None]
    assert pending
    run(tmp_path, trials=12)
    run(tmp_path / "whole", trials=12)
    assert essence(tmp_path) == essence(tmp_path / "whole")


def test_events_and_the_log_tell_the_same_story(tmp_path: Path) -> None:
    events: list[Event] = []
    study = run(tmp_path, trials=12, batch=2, on_event=events.append)
    asked = [record for event in events if isinstance(event, Proposed) for record in event.records]
    ended = [event.record for event in events if isinstance(event, Finished)]
    assert [record.request for record in asked] == [record.request for record in study.records()]
    assert [record.number for record in ended] == [record.number for record in study.records()]
    assert isinstance(events[-1], Stopped)
    rounds = [event for event in events if isinstance(event, Round)]
    logged = read_journal(tmp_path).logged("round")
    assert [entry.payload["best"] for entry in logged] == [found.best for found in rounds]
    assert [found.fine_tunings for found in rounds] == sorted(found.fine_tunings for found in rounds)
    searched = [found for found in rounds if found.reasons == ("random",)]
    first = [record for record in study.records() if record.proposal.reason == "random"][:2]
    errors = [abs(record.proposal.mean - score(record.request)) for record in first if record.proposal.mean is not None]
    assert searched[0].predictor_error == pytest.approx(np.mean(errors))
    assert searched[0].fitted_on == 5
    assert rounds[-1].best == max(score(record.request) for record in study.records() if len(record.request.mixture))


def test_records_of_a_study_that_never_ran_are_none(tmp_path: Path) -> None:
    study = Study(tmp_path / "new", problem())
    assert (study.records(), study.stopped) == ([], None)
    assert not (tmp_path / "new").exists()
