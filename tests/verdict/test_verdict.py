from dataclasses import replace

import numpy as np
import pytest
from noisy_runs import Bench, bare, pool, random_mixtures, records, trial

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.trial import Record, Request, TaskResult, Trial
from cotune.verdict import choose, judge

A, AB, AC, ABC = Mixture.of("a"), Mixture.of("ab"), Mixture.of("ac"), Mixture.of("abc")
PROBLEM = Problem([Task(name, "ner", metric="entity_f1") for name in "abc"], ["a"])


def study(
    quality: dict[str, float], rng: np.random.Generator, *, searched: int = 12, noise: float = 0.3
) -> list[Record]:
    """A study as `Study` runs it: base, anchors with two seeds, search, confirmation with three fresh seeds."""
    problem = Problem(pool(), ["a"])
    bench = Bench(lambda mixture: sum(quality.get(name, 0.0) for name in mixture.names), rng, noise, noise, noise)
    lines = [("base", bench.run(BASE))]
    anchors = (problem.target_only, problem.everything)
    lines += [("anchor: x", bench.run(mixture, seed)) for seed in (0, 1) for mixture in anchors]
    lines += [
        ("search", bench.run(mixture)) for mixture in random_mixtures(problem, rng, searched) if mixture not in anchors
    ]
    winner = choose(problem, [run for _, run in lines])
    finalists = dict.fromkeys((winner, *anchors))
    lines += [("confirm: x", bench.run(mixture, seed)) for seed in (101, 102, 103) for mixture in finalists]
    return records(*lines)


def test_a_study_of_equal_mixtures_rarely_has_a_winner() -> None:
    problem = Problem(pool(), ["a"])
    verdicts = [judge(problem, study({}, np.random.default_rng(seed)), resamples=400) for seed in range(100)]
    wins = [line.difference.is_above for v in verdicts for line in v.comparisons if line.label == "target only"]
    assert sum(wins) <= 9
    assert sum(v.recommended is not None and len(v.recommended) <= 1 for v in verdicts) >= 90


def test_a_real_winner_is_found_and_said() -> None:
    problem = Problem(pool(), ["a"])
    kept = study({"b": 2.0, "c": 1.5, "d": -2.0, "e": -2.0}, np.random.default_rng(1), searched=20)
    verdict = judge(problem, kept)
    assert verdict.winner is not None
    assert {"a", "b", "c"} <= set(verdict.winner.names)
    assert verdict.recommended == verdict.winner
    assert " beats target only by " in verdict.sentence
    assert verdict.confirmed
    assert verdict.seed_noise is not None


def test_the_sentence_by_hand() -> None:
    scores = {AB: 0.62, A: 0.5, ABC: 0.55, BASE: 0.1}
    lines = [("base", bare(BASE, scores[BASE]))]
    lines += [("confirm: x", bare(m, scores[m], seed)) for seed in (101, 102) for m in (AB, A, ABC)]
    verdict = judge(PROBLEM, records(*lines))
    expected = "a + b beats target only by 12.0 F1 [12.0, 12.0] and all datasets by 7.0 F1 [7.0, 7.0]."
    assert verdict.sentence == expected
    assert str(verdict).startswith(expected)
    assert [line.label for line in verdict.comparisons] == ["target only", "all datasets", "base model"]
    assert [(line.label, line.title) for line in verdict.standings][:2] == [
        ("winner", "a + b"),
        ("target only", "target only (a)"),
    ]


def test_no_detectable_difference_takes_the_cheapest() -> None:
    pairs = [(101, 0.61, 0.60, 0.59), (102, 0.59, 0.60, 0.61), (103, 0.62, 0.58, 0.57)]
    lines = [("confirm: x", bare(m, s, seed)) for seed, *row in pairs for m, s in zip((AB, A, ABC), row, strict=True)]
    verdict = judge(PROBLEM, records(*lines))
    assert (verdict.winner, verdict.recommended) == (AB, A)
    assert verdict.sentence.startswith("No detectable difference: a + b against target only (+1.3 F1 [")
    assert verdict.sentence.endswith("Take the cheapest: target only (a).")


def test_a_target_that_the_base_model_does_as_well_is_not_trained() -> None:
    hits = [True] * 60 + [False] * 36
    lines = [("base", trial(BASE, 0, hits))]
    lines += [("confirm: x", trial(m, seed, hits)) for seed in (101, 102, 103) for m in (AB, A, ABC)]
    verdict = judge(PROBLEM, records(*lines))
    assert verdict.recommended == BASE
    assert verdict.sentence.endswith("Take the cheapest: base model.")


def test_a_wide_interval_over_the_base_model_does_not_advise_against_training() -> None:
    lines = [("base", bare(BASE, 0.40))]
    lines += [("confirm: x", bare(m, s, 101)) for m, s in ((AB, 0.64), (A, 0.58), (ABC, 0.62))]
    lines += [("confirm: x", bare(m, s, 102)) for m, s in ((AB, 0.46), (A, 0.44), (ABC, 0.42))]
    verdict = judge(PROBLEM, records(*lines))
    base = next(line.difference for line in verdict.comparisons if line.against == BASE)
    assert not base.is_above
    assert (verdict.winner, verdict.recommended) == (AB, A)
    assert "base model (+15.0 F1 [" in verdict.sentence
    assert verdict.sentence.endswith(
        "Take the cheapest trained: target only (a). More confirmation seeds are needed to tell it from the base model."
    )


@pytest.mark.parametrize(("base", "advised"), [(0.495, BASE), (0.53, BASE), (0.485, A)])
def test_the_base_model_is_advised_only_within_a_point_of_the_winner(base: float, advised: Mixture) -> None:
    runs = [("confirm: x", bare(m, s, seed)) for seed, s in ((101, 0.40), (102, 0.60)) for m in (A, AB, ABC)]
    assert judge(PROBLEM, records(("base", bare(BASE, base)), *runs)).recommended == advised


def test_an_anchor_that_wins_is_compared_with_the_runner_up() -> None:
    lines = [("confirm: x", bare(m, s, seed)) for seed in (101, 102) for m, s in ((AB, 0.4), (A, 0.6), (ABC, 0.3))]
    verdict = judge(PROBLEM, records(*lines))
    assert (verdict.winner, verdict.recommended) == (A, A)
    assert [line.label for line in verdict.comparisons] == ["all datasets", "runner-up a + b"]
    assert verdict.sentence.startswith("Target only (a) beats all datasets by 30.0 F1 [30.0, 30.0] and runner-up a + b")


def test_a_runner_up_that_was_not_confirmed_is_compared_all_the_same_but_never_recommended() -> None:
    lines = [("search", bare(AB, 0.41)), ("search", bare(AC, 0.39)), ("search", bare(AB, 0.40, 7))]
    lines += [("confirm: x", bare(m, s, seed)) for seed in (101, 102) for m, s in ((A, 0.2), (ABC, 0.42))]
    verdict = judge(PROBLEM, records(*lines))
    assert verdict.winner == ABC
    assert verdict.confirmed
    assert [line.label for line in verdict.comparisons] == ["target only", "runner-up a + b"]
    assert verdict.recommended == ABC


def test_differences_rest_on_confirming_trials_alone() -> None:
    kept = study({"b": 1.0}, np.random.default_rng(5))
    problem = Problem(pool(), ["a"])
    before = judge(problem, kept)
    assert before.winner is not None
    lucky = [
        replace(record, trial=trial(record.request.mixture, record.request.seed, [True] * 96))
        if record.request.mixture == before.winner and record.request.seed == 0
        else record
        for record in kept
    ]
    after = judge(problem, lucky)
    assert after.winner == before.winner
    assert [line.difference.mean for line in after.comparisons] == [line.difference.mean for line in before.comparisons]


def test_without_confirmation_it_warns_of_the_winners_curse() -> None:
    kept = [record for record in study({"b": 1.0}, np.random.default_rng(6)) if "confirm" not in record.proposal.reason]
    verdict = judge(Problem(pool(), ["a"]), kept)
    assert not verdict.confirmed
    assert any("optimistic" in warning for warning in verdict.warnings)


def test_confirmation_that_reached_only_the_anchors_does_not_count() -> None:
    lines = [("search", bare(AB, 0.9)), ("anchor: x", bare(A, 0.5)), ("anchor: x", bare(A, 0.52, 1))]
    verdict = judge(PROBLEM, records(*lines, ("confirm: x", bare(A, 0.5, 101))))
    assert verdict.winner == AB
    assert not verdict.confirmed


def test_order_of_records_does_not_matter() -> None:
    kept = study({"b": 1.0, "d": -1.0}, np.random.default_rng(7))
    problem = Problem(pool(), ["a"])
    one, other = judge(problem, kept), judge(problem, kept[::-1])
    assert (one.winner, one.sentence) == (other.winner, other.sentence)


def test_several_targets_have_a_line_each() -> None:
    problem = Problem(pool("abc"), {"a": 3, "b": 1})
    lines = [
        ("confirm: x", bare(m, score, seed, b=other))
        for seed in (101, 102)
        for m, score, other in ((ABC, 0.8, 0.4), (AB, 0.6, 0.5))
    ]
    verdict = judge(problem, records(*lines))
    found = {line.target: line.difference.mean for line in verdict.comparisons}
    assert found == pytest.approx({None: 0.125, "a": 0.2, "b": -0.1})
    assert verdict.standings[0].scores == pytest.approx({"a": 0.8, "b": 0.4})


def test_nothing_finished_is_said_honestly() -> None:
    failed = Trial(Request(A), error="out of memory")
    assert judge(PROBLEM, []).sentence == "No verdict yet: no fine-tuning has finished."
    verdict = judge(PROBLEM, records(("anchor: x", failed), ("search", replace(failed, request=Request(AB)))))
    assert verdict.sentence == "No verdict: no fine-tuning finished with a score for a; 2 failed."
    assert (verdict.winner, verdict.recommended) == (None, None)


def test_a_pool_of_one_dataset_has_nothing_to_choose() -> None:
    problem = Problem([Task("a")], ["a"])
    verdict = judge(problem, records(("anchor: x", bare(A, 0.5)), ("anchor: x", bare(A, 0.52, 1))))
    assert (verdict.winner, verdict.comparisons) == (A, ())
    assert verdict.warnings[0] == "The pool has one dataset, so there is nothing to choose."


def test_a_search_without_anchors_says_what_is_missing() -> None:
    verdict = judge(PROBLEM, records(("search", bare(AB, 0.5)), ("search", bare(AC, 0.4))))
    assert verdict.winner == AB
    assert sum("No finished run of" in warning for warning in verdict.warnings) == 2


def test_all_scores_equal_is_no_difference() -> None:
    hits = [True] * 30 + [False] * 30
    lines = [("confirm: x", trial(m, seed, hits)) for seed in (101, 102, 103) for m in (AB, A, ABC)]
    verdict = judge(PROBLEM, records(*lines))
    assert verdict.recommended == A


def test_a_level_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        judge(PROBLEM, [], level=95)


def test_choose_takes_the_best_where_there_is_no_noise() -> None:
    runs = [bare(A, 0.5), bare(A, 0.5, 1), bare(AB, 0.6), bare(AC, 0.7), bare(ABC, 0.65)]
    assert choose(PROBLEM, runs) == AC


def test_choose_prefers_fewer_datasets_on_a_tie_and_never_the_base_model() -> None:
    assert choose(PROBLEM, [bare(ABC, 0.5), bare(AB, 0.5), bare(BASE, 0.9)]) == AB


def test_choose_does_not_fall_for_a_lucky_run() -> None:
    runs = [bare(AB, 0.60, seed) for seed in range(6)] + [bare(ABC, 0.55, 0), bare(ABC, 0.75, 1), bare(A, 0.40)]
    runs += [bare(A, 0.56, 1)]
    assert choose(PROBLEM, [*runs, bare(AC, 0.61)]) != AC


def test_choose_beats_the_luckiest_observation_on_average() -> None:
    problem, gains = Problem(pool(), ["a"]), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        effect = dict(zip("bcdefgh", rng.normal(0, 0.02, 7), strict=True))
        truth = {m: 0.5 + sum(effect.get(n, 0) for n in m.names) for m in random_mixtures(problem, rng, 20)}
        runs = [bare(m, value + rng.normal(0, 0.03)) for m, value in truth.items()]
        runs += [bare(m, truth[m] + rng.normal(0, 0.03), seed) for m in list(truth)[:3] for seed in (1, 2)]
        luckiest = max(runs, key=lambda run: run.results["a"].score or 0).request.mixture
        gains.append(truth[choose(problem, runs)] - truth[luckiest])
    assert np.mean(gains) > 2 * np.std(gains) / len(gains) ** 0.5


def test_choose_without_a_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="No finished trial"):
        choose(PROBLEM, [Trial(Request(A), {"b": TaskResult(0.5)})])
