from dataclasses import replace

import pytest

from cotune.journal import JournalView
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting import Report, build_report, final_entry, render_html
from cotune.reporting.calibration import calibration
from cotune.reporting.front_chart import front_chart
from cotune.reporting.report import TrialLine
from cotune.trial import Exposure, TaskResult
from cotune.verdict import judge


def test_cost_counts_every_fine_tuning_and_no_base_model(report: Report, view: JournalView) -> None:
    trained = [record for record in view.records if len(record.request.mixture)]
    assert report.cost.fine_tunings == sum(record.attempts for record in trained) == 24
    assert report.cost.tokens == sum(record.trial.tokens for record in trained if record.trial)
    assert report.cost.rounds == sum(entry.kind == "round" for entry in view.log) > 0
    assert len(report.trials) == len(view.records)


def test_the_curve_never_falls_and_ends_with_the_best_and_the_whole_cost(report: Report) -> None:
    best = [step.best for step in report.curve]
    assert best == sorted(best)
    trained = [line.value for line in report.trials if line.value is not None and any(line.parts)]
    assert best[-1] == max(trained)
    last = report.curve[-1]
    assert (last.fine_tunings, last.tokens) == (report.cost.fine_tunings, report.cost.tokens)


def test_shares_of_a_mixture_sum_to_one(report: Report) -> None:
    totals: dict[str, float] = {}
    for share in report.shares:
        totals[share.mixture] = totals.get(share.mixture, 0.0) + share.share
    assert totals
    assert all(total == pytest.approx(1) for total in totals.values())


def test_a_dataset_with_most_of_the_tokens_is_warned_of(problem: Problem, view: JournalView) -> None:
    heavy = {"a": Exposure(900), "b": Exposure(100)}
    records = [
        replace(record, trial=replace(record.trial, exposure=heavy))
        if record.trial and len(record.request.mixture) > 1
        else record
        for record in view.records
    ]
    warnings = build_report(problem, records, view.log).warnings
    assert any("a got 90% of the training tokens" in warning for warning in warnings)
    assert not any("of the training tokens" in warning for warning in build_report(problem, view.records).warnings)


def test_a_helpful_dataset_that_does_not_look_it_is_pointed_out(report: Report) -> None:
    assert [effect.name for effect in report.effects if effect.label == "helps"] == ["b"]
    assert report.surprises == ("b helps, though it looks less like the targets than most of the pool.",)


def test_stop_rule_settings_and_versions_come_from_the_journal(report: Report) -> None:
    assert report.stopped.startswith("trials: ")
    assert report.settings["budget.tokens"] == "12000"
    assert {"cotune", "python"} <= set(report.versions)


def test_alarms_that_stood_last_are_warnings(problem: Problem, view: JournalView) -> None:
    standing = [{"oscillation": "the lead came back 2 times"}, {"flat search": "no better value"}]
    entries = [replace(view.log[0], kind="alarms", payload={"standing": alarms}) for alarms in standing]
    warnings = build_report(problem, view.records, [*view.log, *entries]).warnings
    assert "Flat search: no better value." in warnings
    assert not any(warning.startswith("Oscillation") for warning in warnings)
    over = replace(view.log[0], kind="alarms", payload={"standing": {}})
    assert set(warnings) - set(build_report(problem, view.records, [*view.log, *entries, over]).warnings) == {
        "Flat search: no better value."
    }


def test_a_verdict_made_before_is_taken_as_it_is(problem: Problem, view: JournalView) -> None:
    verdict = judge(problem, view.records, level=0.5)
    assert build_report(problem, view.records, verdict=verdict).verdict is verdict


def test_every_edge_case_has_a_report(edge: Report) -> None:
    assert edge.verdict.sentence
    assert len(edge.datasets) >= 1


def test_a_reading_of_test_is_logged_and_read_back(tested: Report) -> None:
    assert [(score.mixture, score.dataset) for score in tested.test] == [
        ("a + b", "a"),
        ("target only (a)", "a"),
        ("all datasets", "a"),
    ]
    assert all(score.low is not None and score.low < score.score for score in tested.test)
    first, second = tested.test[:2]
    assert tested.test_leads[0].lead == pytest.approx(first.score - second.score)
    assert tested.test_sentence.startswith("a + b beats ")


def test_test_scores_without_examples_have_no_interval(problem: Problem) -> None:
    entry = final_entry(problem, {Mixture.of("ab"): {"a": TaskResult(0.7)}, Mixture.of("a"): {"a": TaskResult(0.6)}})
    assert entry["results"] == {
        "a + b": {"a": {"score": 0.7, "low": None, "high": None}},
        "target only (a)": {"a": {"score": 0.6, "low": None, "high": None}},
    }


def test_a_test_entry_of_another_shape_is_an_error(problem: Problem, view: JournalView) -> None:
    entry = replace(view.log[0], kind="test", payload={"results": {"winner": {"a": 0.7}}})
    with pytest.raises(ValueError, match="A test result is an object"):
        build_report(problem, view.records, [entry])


def test_composites_of_two_targets(edge: Report) -> None:
    if len(edge.targets) == 1:
        assert edge.composites == ()
        return
    if edge.unit.endswith("on the worst target"):
        worst = {standing.title: min(standing.scores.values()) for standing in edge.verdict.standings}
        assert {line.mixture: line.worst[1] for line in edge.composites} == pytest.approx(worst)
        return
    means = {standing.title: standing.value.mean for standing in edge.verdict.standings}
    assert {line.mixture: line.mean for line in edge.composites} == pytest.approx(means)


def test_dominated_trials_are_marked_and_the_front_is_told(edge: Report) -> None:
    front = edge.verdict.front
    marked = {line.mixture for line in edge.trials if line.is_dominated}
    if front is None:
        assert len(edge.targets) == 1 or edge.verdict.winner is None
        assert not marked
        return
    assert marked == {line.title for line in front.lines if line.is_dominated}
    assert marked.isdisjoint(line.title for line in front.best)
    assert f"{front.hypervolume:.4g}" in render_html(edge)
    assert front_chart(front).count("<circle") == len(front.lines)


def test_what_is_to_be_kept_is_told_wherever_the_verdict_is(edge: Report) -> None:
    page = render_html(edge)
    assert ("What is to be kept" in page) == bool(edge.verdict.guards)
    roles = {line.name for line in edge.datasets if line.role == "keep"}
    assert roles == {line.dataset for line in edge.verdict.guards}


def test_larger_parts_have_effects_where_parts_differ(edge: Report) -> None:
    uneven = any(max(line.parts, default=0) > 1 for line in edge.trials)
    assert bool(edge.part_effects) == uneven
    assert ("Larger parts" in render_html(edge)) == uneven


def test_calibration_by_hand() -> None:
    pairs = [(0.5, 0.6), (0.6, 0.65), (0.7, 0.95)]
    lines = [
        TrialLine(n, "x", (1,), "", 0, 1.0, "done", value=value, predicted=mean, predicted_sd=0.1)
        for n, (mean, value) in enumerate(pairs)
    ]
    found = calibration(lines)
    assert found is not None
    assert (found.count, found.error) == (3, pytest.approx(0.4 / 3))
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.within_sd == pytest.approx(2 / 3)
    assert calibration([]) is None
