"""A mixed training draws what its mixer says, goes on to the bit, and fixed shares cost nothing."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from kept import differing, gone_on, halted, kept
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.task import Row
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Mixing, Scoring, SizePolicy, Train
from cotune.training.balance.fitting import described
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent
from cotune.training.lora import adapted
from cotune.training.mix import gradient as mix_gradient
from cotune.training.mix.choice import MIXINGS, made
from cotune.training.mix.contract import Answer
from cotune.training.mix.references import References
from cotune.trial import Stop
from cotune.trial_json import trial_from_json, trial_to_json

GROUP, ECHO = tiny.group_task(), tiny.echo_task()
CHEAP = Train(lr=5e-3, batch_examples=8, max_length=96)
BOTH = Mixture.of(["group", "echo"])
REFERENCES = {"ama_r": "specialists", "ama_s": "specialists", "doremi": "proxy"}
NAMES = tuple(MIXINGS)


def mixing(name, **others):
    return Mixing(name, **({"reference": REFERENCES.get(name), "every": 2, "rows": 4} | others))


def fine_tune(base, chosen, tasks=(GROUP, ECHO), train=CHEAP, **others):
    options = {"targets": ("group",), "budget": Budget(steps=6), "lora": Lora(layers="top-2")}
    return FineTune(base, tasks, train=replace(train, mixing=chosen), **{**options, **others})


def run(evaluate, mixture=BOTH, **request):
    (trial,) = evaluate([Request(mixture, **request)])
    assert trial.error is None
    return trial


def bare(trial):
    results = {task: replace(result, examples=type(result.examples)()) for task, result in trial.results.items()}
    return replace(trial, seconds=0.0, results=results)


@pytest.mark.parametrize("name", NAMES)
def test_a_mixed_trial_repeats_itself_and_says_its_shares(random_base, name):
    trials = [bare(run(fine_tune(random_base, mixing(name)))) for _ in range(2)]
    assert trials[0] == trials[1]
    found = trials[0].mixed
    assert (found.mixing, found.steps) == (name, (1, 2, 3, 4, 5, 6))
    assert np.sum(list(found.shares.values()), axis=0) == pytest.approx(np.ones(6))
    assert {task: line[-1] for task, line in found.tokens.items()} == {
        task: exposure.tokens for task, exposure in trials[0].exposure.items()
    }
    assert trial_from_json(json.loads(json.dumps(trial_to_json(trials[0])))) == trials[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_keeps_the_mean_influence_where_its_mixer_looks_at_gradients(random_base, name, monkeypatch):
    looks = []

    def noting(*arguments):
        looks.append(measured(*arguments))
        return looks[-1]

    measured = mix_gradient.influence
    monkeypatch.setattr(mix_gradient, "influence", noting)
    found = run(fine_tune(random_base, mixing(name))).mixed
    assert len(looks) == (3 if "influence" in made(mixing(name)).needs else 0)
    if not looks:
        assert found.influence == {}
        return
    mean = sum(look.cosines for look in looks) / 3
    for held, row in zip(found.shares, mean, strict=True):
        assert list(found.influence[held].values()) == pytest.approx(row.tolist())
    assert found.influence["group"]["group"] > found.influence["group"]["echo"]


STEADY = replace(CHEAP, schedule="constant", warmup=0)
HALTED = {
    "ama_r": (mixing("ama_r"), CHEAP, []),
    "ama_s": (mixing("ama_s"), CHEAP, []),
    "grape": (mixing("grape"), CHEAP, []),
    "grape_offline": (mixing("grape_offline", every=1), CHEAP, []),
    "bandit": (mixing("bandit"), CHEAP, []),
    "doremi": (mixing("doremi"), CHEAP, []),
    "aioli": (mixing("aioli", every=1, options={"hold": 1}), CHEAP, []),
    "drop before": (mixing("drop", options={"looks": 2, "level": 0.5, "margin": -0.99}), CHEAP, [3]),
    "drop after": (mixing("drop", options={"looks": 3, "level": 0.5, "margin": -0.99}), CHEAP, [5]),
    "msft before": (mixing("msft", every=1, options={"patience": 1}), replace(STEADY, lr=2.0), [3]),
    "msft after": (mixing("msft", every=1, options={"patience": 1}), replace(STEADY, lr=2.0), [3]),
    "stop_and_go": (mixing("stop_and_go", every=1, options={"patience": 1, "gain": 0.03}), STEADY, []),
}
"""Mixers that act within eight steps: how, under which training, and before which steps they drop a dataset."""


def test_each_mixer_is_halted():
    assert {chosen.name for chosen, _, _ in HALTED.values()} == set(NAMES)


@pytest.mark.parametrize("case", HALTED)
def test_a_mixed_trial_that_was_stopped_goes_on_as_if_it_had_not_been(random_base, case):
    """It would not without what its mixer remembers; a dataset is dropped before the halt, after it, or never."""
    chosen, train, drops = HALTED[case]
    options = {"lora": Lora(layers="top-2", dropout=0.2), "budget": Budget(steps=8), "train": train}
    at = 2 if case == "msft after" else 4
    halting = fine_tune(random_base, chosen, **options)
    (stopped,) = halting([Request(BOTH, stop=Stop((("group", 1.0),), ((at / 8, 0.0),)))])
    assert (stopped.reached, stopped.mixed.steps) == (at / 8, tuple(range(1, at + 1)))
    halt = halted(halting, Request(BOTH))
    resumed = gone_on(halting, Request(BOTH), halt)
    whole = run(fine_tune(random_base, chosen, **options))
    assert replace(resumed, seconds=0.0, curve=()) == replace(whole, seconds=0.0)
    assert stopped.train_loss == whole.train_loss[:at]
    assert stopped.tokens == sum(line[at - 1] for line in whole.mixed.tokens.values())
    assert [step for step, _, _ in whole.mixed.dropped] == drops
    assert len(stopped.mixed.dropped) == (case in ("drop before", "msft before"))
    for _, name, _ in stopped.mixed.dropped:
        assert resumed.mixed.tokens[name][-1] == stopped.mixed.tokens[name][-1]
    lines = whole.mixed.weights or whole.mixed.shares
    assert lines["group"][at:] != lines["echo"][at:]
    assert (lines["group"][:at] != lines["echo"][:at]) == ("after" not in case)
    rows = {name: len(examples) for name, examples in halting.engine._guides.rows(BOTH.names)[0].items()}
    fresh = made(chosen).start(described(list(BOTH.names), ["group"], rows), np.array([0.5, 0.5]))
    assert differing(kept(halt.memory.state), fresh)
    forgetful = gone_on(halting, Request(BOTH), halt, state=fresh)
    assert replace(forgetful, seconds=0.0, curve=()) != replace(whole, seconds=0.0)


class Steady:
    """Shares that stay: what a mixed training is then is known."""

    needs = frozenset()

    def start(self, tasks, shares):
        return {"shares": shares}

    def mix(self, signals, state):
        return Answer(state["shares"]), state


@pytest.mark.parametrize("budget", [Budget(steps=6), Budget(tokens=900), Budget(examples=40)])
def test_shares_that_stay_are_the_plain_training(random_base, budget, monkeypatch):
    plain = run(fine_tune(random_base, Mixing(), budget=budget))
    monkeypatch.setitem(MIXINGS, "drop", "cotune.training.mix.drop:Steady")
    monkeypatch.setattr("cotune.training.mix.drop.Steady", Steady, raising=False)
    monkeypatch.setattr("cotune.training.options.fields", lambda _: ())
    mixed = run(fine_tune(random_base, mixing("drop"), budget=budget))
    assert mixed.train_loss == pytest.approx(plain.train_loss, rel=1e-5)
    assert mixed.exposure == plain.exposure


def test_fixed_shares_leave_settings_as_they_were_and_others_do_not(random_base):
    setup = fine_tune(random_base, Mixing()).setup.to_json()
    assert "mixing" not in setup["train"]
    assert fine_tune(random_base, mixing("grape")).setup.to_json() != setup
    assert run(fine_tune(random_base, Mixing())).mixed is None


def test_one_dataset_alone_is_trained_as_without_a_mixer(random_base):
    one = Mixture.of(["group"])
    mixed = run(fine_tune(random_base, mixing("ama_s")), one)
    assert bare(mixed) == bare(run(fine_tune(random_base, Mixing()), one))


def test_mixed_trials_of_a_batch_run_alone(random_base):
    requests = [Request(BOTH, seed=seed) for seed in (0, 1)]
    trials = list(fine_tune(random_base, mixing("aioli"), train=replace(CHEAP, width=2))(requests))
    assert all(trial.mixed and "side by side" not in trial.device for trial in trials)


@pytest.mark.parametrize("name", ["ama_s", "doremi", "grape", "msft"])
def test_repetition_caps_are_honoured(random_base, name):
    policy = SizePolicy(cap_epochs=0.5)
    trial = run(fine_tune(random_base, mixing(name), size_policy=policy, budget=Budget(steps=60)))
    assert all(exposure.epochs <= 0.5 for exposure in trial.exposure.values())
    assert len(trial.train_loss) < 60


def test_rows_that_are_looked_at_are_not_trained_on(random_base):
    evaluate = fine_tune(random_base, mixing("aioli"), budget=Budget(steps=20))
    exposure = run(evaluate).exposure
    kept, held = evaluate.engine._guides.rows(("echo", "group"))
    assert [len(rows) for rows in held.values()] == [4, 4]
    assert not {e.id for rows in held.values() for e in rows} & {e.id for rows in kept.values() for e in rows}
    assert exposure["group"].epochs == pytest.approx(exposure["group"].examples / 36)


def test_the_trunk_serves_mixed_trials(base):
    """States of frozen layers, computed as rows are drawn, give the same training as the whole model."""
    lora = Lora(layers="top-2")
    found = [
        run(fine_tune(base, mixing("grape"), lora=lora, train=replace(CHEAP, trunk=trunk))) for trunk in ("on", "off")
    ]
    assert found[0].train_loss == pytest.approx(found[1].train_loss, rel=1e-3)


def test_specialists_are_trained_once_for_all_trials_and_given_losses_cost_no_training(random_base):
    stages = []
    evaluate = fine_tune(random_base, mixing("ama_s"), progress=lambda told: stages.append((told.request, told.stage)))
    for seed in (0, 1):
        run(evaluate, seed=seed)
    trained = {request.mixture.names for request, stage in stages if stage == "train"}
    assert trained == {("group",), ("echo",), ("echo", "group")}
    alone = [request for request, stage in stages if stage == "train" and request.mixture.names == ("group",)]
    assert len(alone) == 7  # one training of six steps
    stages.clear()
    given = mixing("ama_s", reference={"group": 1.0, "echo": 2.0})
    evaluate = fine_tune(random_base, given, progress=lambda told: stages.append((told.request, told.stage)))
    run(evaluate)
    assert {request.mixture.names for request, stage in stages if stage == "train"} == {("echo", "group")}


@pytest.mark.parametrize("every", [1, 2])
def test_going_back_restores_weights_and_what_was_drawn_counts(random_base, every):
    """With patience 1 and a huge learning rate every dataset overfits; it goes back, and all steps are spent."""
    chosen = mixing("msft", options={"patience": 1}, every=every)
    train = replace(CHEAP, lr=0.5, schedule="constant", warmup=0)
    trial = run(fine_tune(random_base, chosen, train=train, budget=Budget(steps=6 * every)))
    (dropped, *_) = trial.mixed.dropped
    assert dropped[1] in ("group", "echo")
    assert "best before step" in dropped[2]
    assert len(trial.train_loss) == 6 * every
    rest = [name for name in ("group", "echo") if name != dropped[1]]
    assert trial.mixed.tokens[dropped[1]][-1] == trial.mixed.tokens[dropped[1]][dropped[0] - 2]
    assert trial.mixed.tokens[rest[0]][-1] > trial.mixed.tokens[rest[0]][dropped[0] - 2]


def test_what_a_halted_training_takes_includes_the_copies_to_go_back_to(random_base):
    evaluate = fine_tune(random_base, mixing("msft", every=1), budget=Budget(steps=8))
    request = Request(BOTH, stop=Stop((("group", 1.0),), ((0.5, 0.0),)))
    run(evaluate, stop=request.stop)
    halt = evaluate.engine._trainer._halted.take(request)
    moments = [copy[1]["state"].values() for copy in halt.memory.copies.values()]
    sizes = [weight.nbytes for copy in halt.memory.copies.values() for weight in copy[0]]
    sizes += [one[key].nbytes for each in moments for one in each for key in ("exp_avg", "exp_avg_sq")]
    assert 0 < sum(sizes) <= halt.nbytes - 3 * sum(weight.nbytes for weight in halt.state.values())


def test_a_training_that_goes_back_is_what_it_was(model):
    examples = [replace(example, task="a") for example in made_examples(count=12)]
    batches = [examples[:4], examples[4:8], examples[8:]]
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        options = {"train": CHEAP, "pack_tokens": 10**6, "progress": lambda *_: None}
        descent = Descent(ForestDecoder(model), trainee.parameters, batches, **options)
        descent.advance(2)
        copy, weights, moments = descent.save(), trainee.state(), descent.moments()
        descent.advance(3)
        assert any((trainee.state()[name] != weight).any() for name, weight in weights.items())
        descent.load(copy)
        assert all(torch.equal(trainee.state()[name], weight) for name, weight in weights.items())
        for number, kept in moments["state"].items():
            now = descent.moments()["state"][number]
            assert all(torch.equal(now[key], value) for key, value in kept.items())


def test_references_are_losses_of_trained_specialists_a_proxy_or_the_model(base):
    """A specialist does better on its own rows than the model as it is; one row has one loss, however often drawn."""
    evaluate = fine_tune(base, mixing("ama_s"), budget=Budget(steps=30))
    request, pool = Request(BOTH), evaluate.engine.pool(("echo", "group"))
    reach = {name: rows[:10] * 2 for name, rows in pool.items()}
    librarian = evaluate.engine._guides._mixings._librarian
    found = {kind: librarian.references(kind, request, reach) for kind in ("specialists", "proxy", "base")}
    for name, rows in reach.items():
        means = {kind: references.of(rows).mean() for kind, references in found.items()}
        assert means["specialists"] < means["base"], name
        assert means["proxy"] < means["base"], name
    assert References(tasks={"echo": 2.0, "group": 3.0}).of(reach["group"]).tolist() == [3.0] * 20


@pytest.mark.parametrize("name", ["aioli", "grape", "msft"])
def test_a_look_that_is_not_finite_ends_the_trial(random_base, name):
    """After a step that is far too long; the mixer would have to reckon with losses that are no numbers."""
    train = replace(CHEAP, lr=1e30, warmup=0, clip=None)
    (trial,) = fine_tune(random_base, mixing(name, every=1), train=train)([Request(BOTH)])
    assert trial.error.startswith("diverged: loss is nan at step 2")


@pytest.mark.parametrize("reference", ["specialists", "proxy"])
def test_reference_trainings_meet_lack_of_memory_as_a_trial_does(random_base, reference):
    evaluate = fine_tune(random_base, mixing("doremi", reference=reference))
    expected, refused = run(evaluate), []

    def limit(_, given):
        if torch.is_grad_enabled() and given[0].shape[1] > 64:
            refused.append(given[0].shape[1])
            raise torch.OutOfMemoryError("no room")

    fresh = fine_tune(random_base, mixing("doremi", reference=reference))
    hook = fresh.engine.model.layers[3].register_forward_pre_hook(limit)
    trial = run(fresh)
    hook.remove()
    assert refused
    assert trial.train_loss == pytest.approx(expected.train_loss, rel=1e-3)


def test_a_cost_is_measured_without_whole_reference_trainings(random_base):
    trained = []
    evaluate = fine_tune(random_base, mixing("ama_s"), progress=lambda told: trained.append((told, told.request)))
    assert evaluate.estimate(Request(BOTH), measure=True).seconds > 0
    assert max(told.total for told, _ in trained if told.stage == "train") == 2


TWO_BATCHES = 1000.0
"""Seconds, so many that real ones beside them do not matter."""


def costed(monkeypatch, evaluate):
    """Lets two batches of anything take as long, and gives what was rehearsed."""
    asked, rehearse = [], evaluate.engine.rehearse

    def told(request, drawn, exams):
        asked.append(request)
        rehearse(request, drawn, exams)
        return TWO_BATCHES, 0.0

    monkeypatch.setattr(evaluate.engine, "rehearse", told)
    return asked


def tokens_of(drawn, batches=None):
    return sum(example.tokens for batch in drawn.batches[:batches] for example in batch)


def test_specialists_are_part_of_the_first_trial_of_an_estimate(random_base, monkeypatch):
    """By their tokens; those of a mapping are never trained."""
    evaluate = fine_tune(random_base, mixing("ama_s"), budget=Budget(epochs=1))
    asked = costed(monkeypatch, evaluate)
    found = evaluate.estimate(Request(BOTH), measure=True)
    plans = [evaluate.engine.plan(Request(Mixture.of([name]))) for name in BOTH.names]
    expected = TWO_BATCHES * sum(map(tokens_of, plans)) / tokens_of(plans[0], 2)
    assert found.first_seconds == pytest.approx(expected, rel=0.01)
    assert found.seconds == TWO_BATCHES * found.steps / 2
    assert (found.references, found.first_references) == (0, 2)
    assert asked == [Request(BOTH)] * 3 + [Request(Mixture.of([BOTH.names[0]]))] * 2
    known = fine_tune(random_base, mixing("ama_s", reference={"group": 1.0, "echo": 1.0}))
    costed(monkeypatch, known)
    without = known.estimate(Request(BOTH), measure=True)
    assert (without.first_seconds, without.references, without.first_references) == (0.0, 0, 0)


def test_a_proxy_is_part_of_each_trial_of_an_estimate(random_base, monkeypatch):
    evaluate = fine_tune(random_base, mixing("doremi"))
    costed(monkeypatch, evaluate)
    found = evaluate.estimate(Request(BOTH), measure=True)
    assert found.seconds == pytest.approx(2 * TWO_BATCHES * found.steps / 2, rel=0.01)
    assert (found.first_seconds, found.references, found.first_references) == (0.0, 1, 0)


@pytest.mark.parametrize(("name", "reference"), [("ama_r", "specialists"), ("doremi", "proxy"), ("doremi", "base")])
def test_what_is_said_to_come_beforehand_is_what_is_trained_and_read(random_base, monkeypatch, name, reference):
    evaluate = fine_tune(random_base, mixing(name, reference=reference))
    request, engine = Request(BOTH), evaluate.engine
    before = engine.beforehand(request, engine.plan(request))
    shop, trained, read = type(engine._guides._shop), [], []
    train, losses = shop.train, shop.losses
    monkeypatch.setattr(shop, "train", lambda self, asked: trained.append(asked) or train(self, asked))
    monkeypatch.setattr(shop, "losses", lambda self, state, rows: read.extend(rows) or losses(self, state, rows))
    run(evaluate)
    assert set(trained) == set(before.requests)
    assert {row.id for row in read} == {row.id for row in before.rows}
    assert len(read) == len(before.rows)
    run(evaluate)
    assert len(trained) == (2 if before.is_each and reference == "proxy" else 1) * len(before.requests)
    assert len(read) == (2 if before.is_each else 1) * len(before.rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixing("grappe"), "Unknown mixing 'grappe'; did you mean 'grape'"),
        (lambda: Mixing("qqq"), "known are fixed, "),
        (lambda: Mixing("grape", {"eta": 1.0}), "Mixing 'grape' has no option 'eta'"),
        (lambda: Mixing("grape", {"eta_sources": "x"}), "'eta_sources' of mixing 'grape' is a number; got 'x'"),
        (lambda: Mixing("aioli", {"focus": 1.5}), "focus > 0 and <= 1"),
        (lambda: Mixing("fixed", {"a": 1}), "has no options"),
        (lambda: Mixing("grape", every=0), ">= 1"),
        (lambda: Mixing("ama_s"), "reference losses, and none are given. Set train.mixing.reference to 'specialists'"),
        (lambda: Mixing("ama_r", reference="specialist"), "is one of specialists, proxy, base"),
        (lambda: Mixing("grape", reference="base"), "compares losses with no reference"),
        (lambda: fine_tune("x", Mixing("ama_s", reference={"group": 1.0})), "'echo'] are missing"),
        (lambda: fine_tune("x", Mixing("ama_s", reference={"grup": 1.0})), "group"),
        (lambda: fine_tune("x", Mixing("grape"), tasks=(GROUP,)), "two or more datasets"),
        (lambda: fine_tune("x", Mixing("drop"), targets=("group", "echo")), "Name fewer targets"),
        (lambda: Train(processes=2, mixing=Mixing("grape")), "does not go with train.processes above 1"),
        (
            lambda: Train(curriculum=Curriculum("sequential"), mixing=Mixing("grape")),
            "not go with curriculum 'sequential'",
        ),
        (lambda: Train(balancer=Balance("dwa"), mixing=Mixing("grape")), "does not go with balancer 'dwa'"),
    ],
)
def test_an_unknown_or_unfit_mixing_is_refused_before_a_model_is_loaded(make, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        make()


def noisy(task, name, *, wrong):
    """Gives a task with other rows of `task`, whose labels are wrong or drawn at random."""
    rng = random.Random(name)

    def row(found):
        other = {"animal": "fruit", "fruit": "animal"}[found.answer]
        answer = other if wrong else rng.choice(("animal", "fruit"))
        return Row(f"{name}-{found.id}", found.fields, answer)

    splits = {split: [row(found) for found in rows] for split, rows in task.rows.items()}
    return replace(task, name=name, rows=splits)


@pytest.fixture(scope="module")
def schooled(tmp_path_factory):
    """A tiny model that half knows the groups: what speaks against them shows at once."""
    folder = tmp_path_factory.mktemp("schooled")
    start, school = tiny.save_model(folder / "start"), tiny.group_task("school", rows=300)
    train = Train(lr=3e-3, batch_examples=12, max_length=96)
    full = Lora(method="full", layers="all")
    fine_tune = FineTune(start, [school], targets=["school"], budget=Budget(steps=60), train=train, lora=full)
    fine_tune.fit(Request(Mixture.of(["school"]))).save(folder / "trained")
    return str(folder / "trained")


@pytest.mark.slow
def test_a_harmful_dataset_is_dropped_and_a_harmless_one_is_not(schooled):
    """The same words with the labels turned round go against the target; saying words again does not."""
    turned = noisy(tiny.group_task("turned", rows=160), "turned", wrong=True)
    tasks = (tiny.group_task("group", rows=120), turned, tiny.echo_task("echo", rows=160))
    names = [task.name for task in tasks]
    trial = run(
        fine_tune(schooled, Mixing("drop", every=2, rows=24), tasks, budget=Budget(steps=40)), Mixture.of(names)
    )
    assert [name for _, name, _ in trial.mixed.dropped] == ["turned"]
    step, _, reason = trial.mixed.dropped[0]
    assert "cosine with the targets' gradients -" in reason
    assert trial.mixed.tokens["turned"][-1] == trial.mixed.tokens["turned"][step - 2]


@pytest.mark.slow
def test_grape_puts_its_weight_on_the_helpful_source(schooled):
    """Of more of the target, turned labels, random labels and other words, the target and its like win."""
    turned = noisy(tiny.group_task("turned", rows=160), "turned", wrong=True)
    guessed = noisy(tiny.group_task("guessed", rows=160), "guessed", wrong=False)
    helpful = (tiny.group_task("group", rows=60), tiny.group_task("more", rows=160))
    tasks = (*helpful, turned, guessed, tiny.echo_task("echo", rows=160))
    names = [task.name for task in tasks]
    trial = run(
        fine_tune(schooled, Mixing("grape", every=2, rows=15), tasks, budget=Budget(steps=80)), Mixture.of(names)
    )
    last = {name: line[-1] for name, line in trial.mixed.shares.items()}
    assert last["group"] + last["more"] >= 0.8
    assert last["more"] >= 0.8 * (1 - last["group"])
    assert last["more"] > 3 * max(last[name] for name in ("turned", "guessed", "echo"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_grape_offline_finds_the_helpful_sources_in_a_long_training(schooled, seed):
    """The same pool; ten rounds of five windows of five steps each. In windows of one step it would follow noise."""
    turned = noisy(tiny.group_task("turned", rows=160), "turned", wrong=True)
    guessed = noisy(tiny.group_task("guessed", rows=160), "guessed", wrong=False)
    helpful = (tiny.group_task("group", rows=60), tiny.group_task("more", rows=160))
    tasks = (*helpful, turned, guessed, tiny.echo_task("echo", rows=160))
    mixer = Mixing("grape_offline", every=5, rows=15)
    evaluate = fine_tune(schooled, mixer, tasks, budget=Budget(steps=250))
    trial = run(evaluate, Mixture.of([task.name for task in tasks]), seed=seed)
    last = {name: line[-1] for name, line in trial.mixed.shares.items()}
    assert last["group"] + last["more"] >= 0.6
    assert last["turned"] < 0.1


@pytest.mark.parametrize("scoring", [Scoring(curve=2)])
def test_a_curve_changes_nothing_of_a_mixed_trial(random_base, scoring):
    looked = run(fine_tune(random_base, mixing("doremi"), scoring=scoring))
    assert len(looked.curve) == 2
    assert replace(bare(looked), curve=()) == bare(run(fine_tune(random_base, mixing("doremi"))))


def test_a_mixer_looks_without_dropout_and_trains_with_it(random_base):
    engine = fine_tune(random_base, mixing("grape"), lora=Lora(layers="top-2", dropout=0.5)).engine
    rows = engine.pool(["group"])["group"][:4]
    with engine._adapted(seed=0) as trainee:
        trainee.train(True)
        gauge = engine._guides._mixings._shop.gauge(Request(BOTH), BOTH.names, trainee, 512)
        before = torch.get_rng_state()
        looks = [gauge.gradient(rows) for _ in range(2)]
        assert torch.equal(*looks)
        assert torch.equal(torch.get_rng_state(), before)
        gauge.descend(rows, np.full(4, 0.25))
        steps = torch.cat([parameter.grad.flatten() for parameter in trainee.parameters])
        assert not torch.allclose(looks[0], steps, rtol=0.1)
