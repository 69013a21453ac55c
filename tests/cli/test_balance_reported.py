"""What a balancer did is told where people look: in the report, on the terminal, in the card, after a training."""

import json
import re

import pytest
from programs import PAIR, write_pair

from cotune.journal import read_journal
from cotune.reporting.privacy import UNHIDDEN
from cotune.reporting.svg import short

pytestmark = pytest.mark.slow


@pytest.fixture
def study(model_place, tmp_path):
    """A study of one mixture, so that there is nothing to search."""
    search = {"trials": 6, "confirm": 2, "sampler": "random"}
    return write_pair(model_place / "small.yaml", tokens=1500, search=search)


def first_trial(folder):
    return next(record.trial for record in read_journal(folder).records if len(record.request.mixture) == 2)


def test_weights_and_conflicts_of_a_rival_are_shown_under_its_name(study, cotune, tmp_path):
    changes = ["train.balancer={name: equal, conflicts: 1}", "search.balancers=[coba]", "--runs", tmp_path]
    done = cotune("run", study, *changes, "--in-process", "--json")
    assert done.code == 0, done.err
    folder = tmp_path / "small"
    theirs = first_trial(folder / "balancers" / "coba").balancing
    printed = " ".join(cotune("report", folder).out.split())
    page = (folder / "report.html").read_text()
    part = page[page.index("Balance while training: coba") :]
    drawing = re.search(r'<svg[^>]*aria-label="Weights under coba".*?</svg>', part, re.DOTALL)[0]
    after = printed[printed.index("Weights under coba") :]
    for name in PAIR:
        own = theirs.weights[name]
        assert f"{name}: {own[0]:.3f} at first, {own[-1]:.3f} at last" in drawing
        assert f"{name} {own[0]:.2f} {sum(own) / len(own):.2f} {own[-1]:.2f}" in after
    known = [cosine for line in theirs.cosines for cosine in line if cosine is not None]
    assert known
    assert f"animals and fruits: mean cosine {sum(known) / len(known):+.3f} over {len(known)} steps" in part
    assert page.index("Balance while training: equal") < page.index("Balance while training: coba")


def test_the_privacy_budget_of_each_dataset_is_told(study, cotune, tmp_path):
    balancer = "train.balancer={name: private, options: {delta: 0.001, clip: 0.5, noise: 2}}"
    done = cotune("run", study, balancer, "--runs", tmp_path, "--in-process", "--json")
    assert done.code == 0, done.err
    told = first_trial(tmp_path / "small").balancing
    assert set(told.privacy) == set(PAIR)
    assert told.terms == {"delta": 0.001, "clip": 0.5, "noise": 2}
    printed = " ".join(cotune("report", tmp_path / "small").out.split())
    page = (tmp_path / "small" / "report.html").read_text()
    assert "Privacy of that training, clip 0.5, noise 2 dataset privacy (epsilon at delta 0.001)" in printed
    assert '<th class="number">privacy (epsilon at delta 0.001)</th>' in page
    assert "Hidden with clip 0.5, noise 2." in page
    for name, (used, drawn) in told.privacy.items():
        assert f"{name} {short(used)} {short(drawn)}" in printed
        assert f'{name}</td><td class="number"><b>{short(used)}</b></td><td class="number">{short(drawn)}</td>' in page
    as_json = json.loads(cotune("report", tmp_path / "small", "--json").out)
    assert as_json["balanced"][0]["privacy"] == {name: list(pair) for name, pair in told.privacy.items()}


def test_a_training_tells_its_privacy_budget_and_leaves_it_in_the_card(study, cotune, tmp_path):
    train = ["train", study, "train.balancer=private", "--mix", "animals,fruits", "--runs", tmp_path / "runs"]
    done = cotune(*train, "--out", tmp_path / "best")
    assert done.code == 0, done.err
    card = (tmp_path / "best" / "README.md").read_text()
    printed = " ".join(done.out.split())
    assert "| dataset | privacy (epsilon at delta 1e-5) | rows drawn by chance |" in card
    assert "Privacy of each training alone, clip 1, noise 1" in printed
    (entry,) = [json.loads(line) for line in (tmp_path / "runs" / "small" / "log.jsonl").read_text().splitlines()]
    privacy = entry["payload"]["trainings"][0]["privacy"]
    assert set(privacy) == set(PAIR)
    for name, (used, drawn) in privacy.items():
        assert f"| {name} | {short(used)} | {short(drawn)} |" in card
        assert re.search(rf"{name} .*? {re.escape(short(used))} {re.escape(short(drawn))}", printed)


def test_a_card_says_that_a_single_dataset_is_not_hidden(study, cotune, tmp_path):
    train = ["train", study, "train.balancer=private", "--mix", "animals,fruits", "--single"]
    done = cotune(*train, "--runs", tmp_path / "runs", "--out", tmp_path / "best")
    assert done.code == 0, done.err
    cards = {place: (tmp_path / "best" / place / "README.md").read_text() for place in (".", "single/animals")}
    assert {place: f"- {UNHIDDEN}" in card for place, card in cards.items()} == {".": False, "single/animals": True}
    assert "## Privacy" not in cards["single/animals"]


@pytest.mark.parametrize("balancer", ["equal", "coba"])
def test_a_training_that_hides_nothing_speaks_of_no_privacy(study, cotune, tmp_path, balancer):
    train = ["train", study, "--mix", "animals,fruits", f"train.balancer={balancer}", "--runs", tmp_path / "runs"]
    done = cotune(*train, "--out", tmp_path / "best")
    assert done.code == 0, done.err
    assert "rivacy" not in done.out + (tmp_path / "best" / "README.md").read_text()
