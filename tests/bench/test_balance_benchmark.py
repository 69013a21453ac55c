"""The balance benchmark: equal budgets, rates chosen by other rows than are reported, and a stopped run goes on."""

import json
import sys
from dataclasses import replace

import pytest
from benchmarks.balance import __main__ as command
from benchmarks.balance import code
from benchmarks.balance.contestants import BASE, BASELINES, SINGLE, chosen, known, obstacle
from benchmarks.balance.costs import costs, costs_page
from benchmarks.balance.done import Done
from benchmarks.balance.figures import EVERYWHERE, FRESH, Table, tables
from benchmarks.balance.finals import finalists
from benchmarks.balance.page import markdown
from benchmarks.balance.pools import CHOOSE, POOLS, REPORT, balanced, opened
from benchmarks.balance.recheck import recheck
from benchmarks.balance.row import Row
from benchmarks.balance.stages import (
    Entry,
    at_rate,
    entries,
    rate,
    ratio,
    single_scores,
    timed_tokens,
    timing,
    tuning,
)
from benchmarks.balance.training import Job, run
from benchmarks.balance.work import TINY, Case, Work
from benchmarks.engine.models import folder_of

from cotune.training.balance.choice import EQUAL, PLACES
from cotune.training.curriculum import choice as curricula
from cotune.training.merge import choice as mergers
from cotune.training.mix.choice import MIXINGS

WORK = Work(tokens=1000, lrs=(0.1, 0.2), seeds=3)


def pool(name="mixed"):
    (made,) = opened([name], TINY, None)
    return made


def row(case, choose, report, seconds=1.0, **more):
    names = pool(case.pool).targets
    scores = dict.fromkeys(names, choose), dict.fromkeys(names, report), dict.fromkeys(names, 1 - report)
    return Row(case, "", *scores, seconds=seconds, trained=case.tokens, **more)


def rows_of(work, *, seconds=1.5):
    """Rows of equal weights and of `coba`, whose steps take longer and which is better where the rate is 0.2."""
    made, suited = {}, {"mixed": [EQUAL, "coba"]}
    cases = tuning([pool()], suited, work)
    for case in (*cases, *(replace(case, seed=1) for case in cases)):
        is_better = case.contestant == "coba" and case.lr == 0.2
        made[case] = row(case, 0.8 if is_better else 0.5, 0.7 if is_better else 0.6)
    (costs,) = timing([pool()], suited, work)
    return {**made, costs: Row(costs, "", seconds=seconds, beside=1.0)}


def test_all_balancers_mixings_curricula_mergers_and_size_policies_take_part():
    merged = {*mergers.PLACES, *(f"{name} in 4 turns" for name in mergers.PLACES)}
    assert {*PLACES, *MIXINGS, *curricula.PLACES, *merged, *(one.name for one in BASELINES)} == known().keys()
    assert [one.name for one in chosen(["coba"])] == [*(one.name for one in BASELINES), "coba"]


def test_a_balancer_of_auxiliaries_takes_part_where_there_are_any():
    reasons = {
        name: obstacle(known()["arml"], pool(name).tasks, pool(name).targets, TINY) for name in ("wrong", "mixed")
    }
    assert reasons["wrong"] == ""
    assert "all of" in reasons["mixed"]


def test_rows_that_choose_a_rate_are_not_reported_nor_trained_on():
    for name in POOLS:
        for task in pool(name).tasks:
            ids = [one.id for one in task.rows.get("dev", ())]
            sets = [{text.removeprefix(mark) for text in ids if text.startswith(mark)} for mark in (CHOOSE, REPORT)]
            assert len(ids) == len(sets[0]) + len(sets[1])
            assert not sets[0] & sets[1]
            assert not (sets[0] | sets[1]) & {one.id for one in task.rows["train"]}


def test_pools_are_as_uneven_and_as_wrong_as_they_say():
    sizes = [len(task.rows["train"]) for task in pool("uneven").tasks]
    assert max(sizes) == 100 * min(sizes)
    assert max(part.rows for part in POOLS["uneven"]) == 100 * min(part.rows for part in POOLS["uneven"])
    clean, wrong, *_ = pool("wrong").tasks
    truth = {one.fields["text"]: one.answer for one in clean.rows["train"]}
    answers = [(one.answer, truth[one.fields["text"]]) for one in wrong.rows["train"]]
    assert 0.45 < sum(given != right for given, right in answers) / len(answers) < 0.75
    assert wrong.name not in pool("wrong").targets
    assert not {one.id for one in clean.rows["train"]} & {one.id for one in wrong.rows["train"]}


def test_labels_take_turns():
    rows = balanced(pool().tasks[0], "train")
    assert len({one.id for one in rows}) == len(pool().tasks[0].rows["train"])
    first = [one.answer for one in rows[:20]]
    assert first.count("animal") == first.count("fruit") == 10


def test_each_contestant_tries_the_same_rates_on_the_same_seeds():
    cases = tuning([pool()], {"mixed": [EQUAL, "coba"]}, WORK)
    names = [EQUAL, "coba", *(SINGLE + name for name in pool().targets)]
    tried = {name: [(case.lr, case.seed) for case in cases if case.contestant == name] for name in names}
    assert len(set(map(tuple, tried.values()))) == 1
    assert tried[EQUAL] == [(0.1, 0), (0.2, 0)]
    assert [case.contestant for case in cases if case.contestant not in names] == [BASE]


def test_the_rate_is_chosen_by_the_rows_to_choose_by():
    cases = tuning([pool()], {"mixed": [EQUAL]}, WORK)
    rows = {case: row(case, choose=case.lr, report=1 - case.lr) for case in cases}
    assert rate(Entry("mixed", EQUAL), rows, WORK) == 0.2
    rows |= {replace(case, seed=1): row(case, choose=1 - case.lr, report=1 - case.lr) for case in cases}
    assert rate(Entry("mixed", EQUAL), rows, WORK) == 0.2  # other seeds do not choose
    assert single_scores(pool(), rows, WORK) == pytest.approx(dict.fromkeys(pool().targets, 0.8))
    failed = {case: replace(one, error="diverged") if case.lr == 0.2 else one for case, one in rows.items()}
    assert rate(Entry("mixed", EQUAL), failed, WORK) == 0.1
    failed = {case: replace(one, error="diverged") for case, one in rows.items()}
    assert rate(Entry("mixed", EQUAL), failed, WORK) is None
    assert list(at_rate([Entry("mixed", EQUAL)], failed, WORK, [0], timed=False)) == []


def test_the_rate_of_a_target_alone_is_chosen_by_that_target():
    name = pool().targets[0]
    cases = [Case("mixed", SINGLE + name, lr, 0, 1000) for lr in WORK.lrs]
    rows = {case: replace(row(case, 1 - case.lr, 0.5), choose={"other": 1 - case.lr, name: case.lr}) for case in cases}
    assert rate(Entry("mixed", SINGLE + name), rows, WORK) == 0.2


def test_what_takes_longer_trains_on_less_where_time_is_equal():
    rows, coba = rows_of(WORK), Entry("mixed", "coba")
    assert (ratio("coba", rows), ratio(EQUAL, rows)) == (1.5, 1.0)
    assert timed_tokens(coba, rows, WORK) == 700
    assert timed_tokens(Entry("mixed", EQUAL), rows, WORK) == 1000
    assert timed_tokens(coba, rows_of(WORK, seconds=0.5), WORK) == 1000
    assert list(at_rate([coba], rows, WORK, [2], timed=True)) == [Case("mixed", "coba", 0.2, 2, 700)]


def test_costs_are_measured_where_most_take_part():
    cases = timing([pool("mixed"), pool("wrong")], {"mixed": [EQUAL, "coba"], "wrong": [EQUAL, "coba", "arml"]}, WORK)
    assert [(case.pool, case.contestant, case.is_timing) for case in cases] == [
        ("wrong", "coba", True),
        ("wrong", "arml", True),
    ]


def test_costs_are_told_with_what_is_asked_for():
    rows = rows_of(WORK)
    assert costs(rows).splitlines()[-1] == "| coba | validation | 1.50 | 1.5 |"
    assert costs({}) == ""
    assert costs_page("command", {"commit": "c", "hardware": "h"}, rows).endswith(costs(rows))


def test_figures_are_differences_between_trainings_of_one_seed():
    rows = rows_of(WORK)
    table = Table(WORK, [pool()], {"mixed": [EQUAL, "coba"]}, rows)
    best, last = table.lines(timed=False, pools=["mixed"], title="mixed")
    assert (best.contestant, best.runs, best.rates) == ("coba", 2, {"mixed": 0.2})
    assert best.minus["mean"] == pytest.approx((0.1, 0.1, 0.1))
    assert best.minus["loss"] == pytest.approx((-0.1, -0.1, -0.1))
    assert best.minus["normalised"] == pytest.approx((1 / 6,) * 3)  # alone a task scores 0.6
    assert (last.contestant, last.minus["worst"]) == (EQUAL, (0.0, 0.0, 0.0))
    case = Case("mixed", "coba", 0.2, 1, 1000)
    lost = Table(WORK, [pool()], {"mixed": [EQUAL, "coba"]}, {**rows, case: replace(rows[case], error="no memory")})
    coba = next(line for line in lost.lines(timed=False, pools=["mixed"], title="") if line.contestant == "coba")
    assert coba.runs + coba.failed == 2


def test_what_seeds_that_chose_nobody_say_stands_apart():
    """On seeds 0 and 1 `coba` scores 0.7 and equal weights 0.6; on seed 2 it is 0.5 and 0.6."""
    later = {EQUAL: Case("mixed", EQUAL, 0.1, 2, 1000), "coba": Case("mixed", "coba", 0.2, 2, 1000)}
    rows = {**rows_of(WORK), **{case: row(case, 0.5, 0.6 if name == EQUAL else 0.5) for name, case in later.items()}}
    suited = {"mixed": [EQUAL, "coba"], "wrong": []}
    found = dict(tables(Table(WORK, opened(["mixed", "wrong"], TINY, None), suited, rows), timed=False))
    assert list(found) == [EVERYWHERE, FRESH, "mixed", "wrong"]
    figures = {
        title: {line.contestant: (line.runs, line.minus["mean"][0]) for line in lines} for title, lines in found.items()
    }
    assert figures[EVERYWHERE]["coba"] == (3, pytest.approx(0.1 / 3))
    assert figures[FRESH]["coba"] == (1, pytest.approx(-0.1))
    few = Table(replace(WORK, seeds=2), opened(["mixed", "wrong"], TINY, None), suited, rows)
    assert FRESH not in dict(tables(few, timed=False))


def test_a_table_is_against_each_baseline_that_took_part():
    uniform = Case("mixed", "uniform", 0.1, 0, 1000)
    tried = {replace(uniform, lr=lr, seed=seed): 0.65 for lr in WORK.lrs for seed in (0, 1)}
    rows = {**rows_of(WORK), **{case: row(case, 0.5, score) for case, score in tried.items()}}
    suited = {"mixed": [EQUAL, "coba", "uniform"], "wrong": []}
    found = dict(tables(Table(WORK, opened(["mixed", "wrong"], TINY, None), suited, rows), timed=False))
    lines = found[f"{EVERYWHERE}, against uniform"]
    assert {line.contestant: line.minus["mean"][0] for line in lines} == pytest.approx(
        {"coba": 0.05, "uniform": 0.0, EQUAL: -0.05}
    )
    assert "mean - uniform" in markdown(lines).splitlines()[0]
    assert f"{EVERYWHERE}, against proportional" not in found


def scored(scores, more=()):
    """A table of contestants that score so much on the pools they suit, with further seeds of some."""
    pools = opened(["mixed", "wrong"], TINY, None)
    suited = {place.name: [name for name in scores if place.name in scores[name]] for place in pools}
    alone = {(place.name, SINGLE + target): 0.6 for place in pools for target in place.targets}
    every = alone | {(place, name): score for name, by_pool in scores.items() for place, score in by_pool.items()}
    rows = {
        case: row(case, 0.5, score)
        for (place, name), score in every.items()
        for seed in range(3 if (name, place) in more else 2)
        for case in (Case(place, name, lr, seed, 1000) for lr in WORK.lrs)
    }
    return Table(WORK, pools, suited, rows)


def going_on(table):
    every = entries(table.pools, table.suited)
    return [(entry.contestant, entry.pool) for entry in finalists(table, every, timed=False)]


def test_who_may_be_the_best_of_its_pools_goes_on():
    """`hints` is far ahead where it takes part, which does not shut out who is the best on both pools."""
    both = {"mixed": 0.6, "wrong": 0.6}
    scores = {EQUAL: both, "coba": {"mixed": 0.7, "wrong": 0.7}, "famo": both, "hints": {"wrong": 0.9}}
    assert going_on(scored(scores)) == [
        (EQUAL, "mixed"), ("coba", "mixed"), (EQUAL, "wrong"), ("coba", "wrong"), ("hints", "wrong")
    ]  # fmt: skip
    scores["hints"] = {"wrong": 0.65}
    assert ("hints", "wrong") not in going_on(scored(scores))


def test_who_got_more_seeds_on_a_pool_gets_them_on_all():
    both = {"mixed": 0.6, "wrong": 0.6}
    scores = {EQUAL: both, "coba": {"mixed": 0.7, "wrong": 0.7}, "famo": both}
    assert ("famo", "mixed") in going_on(scored(scores, more={("famo", "wrong")}))


def test_rows_are_found_again_unless_cut_off_or_of_other_code(tmp_path):
    path, cases = tmp_path / "rows.jsonl", [Case("mixed", name, 0.1, 0, 1000) for name in (EQUAL, "coba")]
    done = Done(path, {"top": 4}, lambda case: case.contestant)
    for case in cases:
        done.add(replace(row(case, 0.5, 0.5), code=case.contestant))
    assert Done(path, {"top": 4}, lambda case: case.contestant).rows == done.rows
    assert list(Done(path, {"top": 4}, lambda case: EQUAL).rows) == cases[:1]  # coba's code is another now
    path.write_bytes(path.read_bytes()[:-9])
    assert list(Done(path, {"top": 4}, lambda case: case.contestant).rows) == cases[:1]
    with pytest.raises(ValueError, match="top was 4, is 6"):
        Done(path, {"top": 6}, lambda case: "")


def test_rows_of_changed_code_count_if_trainings_are_the_same(tmp_path):
    path, names = tmp_path / "rows.jsonl", [EQUAL, "coba", "dwa", "pcgrad"]
    cases = [Case("mixed", name, 0.1, seed, 1000) for name in names for seed in (0, 1)]
    rows = {case: row(case, 0.5, 0.1 * case.seed) for case in cases}
    done = Done(path, {"top": 4, "code": "old"}, lambda case: f"data {case.contestant}")
    for case in cases:
        done.add(replace(rows[case], code=f"data {case.contestant}"))
    done.add(replace(rows[cases[0]], case=replace(cases[0], pool="wrong"), code="other equal"))
    before, repeated = path.read_text(), []

    def code_now(case):
        return "data new" if case.contestant == "pcgrad" else f"data {case.contestant}"

    def train(case):
        repeated.append(case)
        return rows[case]

    def other(case):
        return replace(rows[case], losses={name: loss + 1e-9 for name, loss in rows[case].losses.items()})

    now = {"top": 4, "code": "new"}
    with pytest.raises(ValueError, match=r"on mixed, rate 0.1, seed \d has losses .*, its row has"):
        recheck(path, now, code_now, other, count=2)
    with pytest.raises(ValueError, match="top was 4, is 6"):
        recheck(path, {**now, "top": 6}, code_now, train, count=2)
    assert path.read_text() == before
    assert not repeated
    recheck(path, now, code_now, train, count=2)
    assert "pcgrad" in {case.contestant for case in repeated}
    assert len(repeated) in (2, 3)  # one of pcgrad is among those that were drawn, or comes to them
    assert Done(path, now, code_now).rows.keys() == rows.keys()  # that of other data does not count


def test_a_fingerprint_is_of_what_code_does(tmp_path, monkeypatch):
    place = tmp_path / "benchmarks"
    place.mkdir()
    monkeypatch.setattr(code, "ROOTS", {"benchmarks": tmp_path})

    def mark(text):
        (place / "one.py").write_text("import benchmarks.two\n")
        (place / "two.py").write_text(text)
        for cached in (code.fingerprint, code.reached, code.imported, code.digest):
            cached.cache_clear()
        return code.fingerprint(("benchmarks.one",))

    try:
        assert mark('"""Docs."""\nX = 1  # why\n') == mark('X = 1\n"""A number."""\n') != mark("X = 2\n")
    finally:
        for cached in (code.fingerprint, code.reached, code.imported, code.digest):
            cached.cache_clear()


def test_a_contestants_code_is_none_of_the_trainers():
    trainer = code.reached(command.TRAINER)
    assert {"cotune.training.loop", "cotune.training.balance.gradient", "cotune.tally"} <= trainer
    assert not {"cotune.training.balance.cagrad", "cotune.training.balance.mgda"} & trainer
    assert "cotune.training.balance.mgda" in code.reached(known()["cagrad"].modules)  # its own import counts
    assert not any(name.startswith("cotune.search") for name in trainer)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return replace(TINY, model=folder_of("tiny", tmp_path_factory.mktemp("models")), tokens=600)


def test_contestants_train_what_they_say(work, tmp_path, monkeypatch):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path))

    def trained(name, lr=0.01, tokens=600, seed=0):
        return run(Job(Case("uneven", name, lr, seed, tokens), pool("uneven"), work, ""))

    equal = trained(EQUAL)
    assert (equal.losses, equal.error) == (trained(EQUAL).losses, "")  # nothing is left of the trainings between
    others = [trained(name) for name in ("importance", "uniform", "proportional", "single label", BASE)]
    others += [trained(EQUAL, lr=0.03), trained(EQUAL, tokens=300), trained(EQUAL, seed=1)]
    assert len({json.dumps(one.losses) for one in (equal, *others)}) == 9
    assert trained(EQUAL).losses == equal.losses
    assert trained(EQUAL, tokens=300).trained == pytest.approx(300, abs=40)
    assert equal.seconds > 0
    costs = run(Job(Case("uneven", "famo", 0.01, 0, 600, is_timing=True), pool("uneven"), work, ""))
    assert costs.seconds / costs.beside > 1.0  # a forward pass more at each step
    assert not costs.report


@pytest.mark.slow
def test_the_command_leaves_a_page_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    options = [
        "--tiny",
        "--contestants",
        "arml",
        "coba",
        "--jobs",
        "2",
        "--json",
        out,
        "--markdown",
        tmp_path / "out.md",
    ]
    monkeypatch.setattr(sys, "argv", ["benchmarks.balance", *map(str, options)])
    command.main()
    printed = capsys.readouterr()
    assert (tmp_path / "out.md").read_text() == printed.out
    assert "trainings are left, about" in printed.err
    result = json.loads(out.read_text())
    assert {line["contestant"] for line in result["figures"]} == {"arml", "coba", *(one.name for one in BASELINES)}
    assert {"command", "commit", "hardware", "versions"} <= result.keys()
    command.main()
    assert json.loads(out.read_text())["figures"] == result["figures"]
    assert "trainings are left" not in capsys.readouterr().err
    rows = tmp_path / "out.rows.jsonl"
    rows.write_text(
        rows.read_text().replace(f'"code": "{json.loads(rows.open().readline())["code"]}"', '"code": "old"')
    )
    monkeypatch.setattr(sys, "argv", ["benchmarks.balance", *map(str, options), "--recheck", "3"])
    command.main()
    assert capsys.readouterr().err.count("the same to the bit") == 3
    assert json.loads(out.read_text())["figures"] == result["figures"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--contestants", "cobra"], "coba"),
        (["--jobs", "0"], "at least 1; got 0"),
        (["--seeds", "0"], "positive"),
        (["--recheck", "2"], "needs the --json of the run"),
        (["--model", "folder", "--data", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line(options, said, monkeypatch, tmp_path):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path))
    tiny = [] if "--model" in options else ["--tiny"]
    monkeypatch.setattr(sys, "argv", ["benchmarks.balance", *tiny, *options])
    with pytest.raises(SystemExit, match=said):
        command.main()
