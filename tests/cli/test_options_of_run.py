"""Options of `cotune run` that say how datasets are trained together take effect in its trials and are kept."""

import re

import pytest
import yaml
from programs import PAIR, write_pair

from cotune.journal import read_journal

pytestmark = pytest.mark.slow


@pytest.fixture
def run(model_place, cotune, tmp_path):
    """Runs a study of one mixture with options; gives the folder and the trial of both datasets."""
    write_pair(model_place / "options.yaml", tokens=3000, search={"trials": 1, "confirm": 0})

    def made(*options):
        done = cotune("run", "options.yaml", *options, "--runs", tmp_path, "--in-process", "--json")
        assert done.code == 0, done.err
        view = read_journal(tmp_path / "options")
        trial = next(record.trial for record in view.records if record.request.mixture.names == PAIR)
        assert trial.is_finished, trial.error
        kept = yaml.safe_load((tmp_path / "options" / "study.yaml").read_text())["train"]
        return trial, view.settings["train"], kept

    return made


def test_balancer_is_that_of_the_trials(run):
    trial, settings, kept = run("--balancer", "dwa")
    assert trial.balancing.balancer == settings["balancer"]["name"] == kept["balancer"]["name"] == "dwa"
    assert set(trial.balancing.weights) == set(PAIR)
    assert all(len(own) == len(trial.balancing.steps) > 1 for own in trial.balancing.weights.values())
    assert trial.mixed is None


def test_mixing_is_that_of_the_trials(run):
    trial, settings, kept = run("--mixing", "bandit")
    assert trial.mixed.mixing == settings["mixing"]["name"] == kept["mixing"]["name"] == "bandit"
    assert set(trial.mixed.shares) == set(PAIR)
    assert trial.balancing is None


def test_curriculum_is_that_of_the_trials(run, tmp_path):
    """The losses of the steps are those of another order of the same rows."""
    trial, settings, kept = run("--curriculum", "two_stage")
    assert settings["curriculum"]["name"] == kept["curriculum"]["name"] == "two_stage"
    (tmp_path / "options").rename(tmp_path / "before")
    plain, other, _ = run()
    assert "curriculum" not in other
    assert trial.train_loss != plain.train_loss


def test_merging_is_that_of_the_trials(run, tmp_path):
    """The rows are the same and the losses of the steps are not; the folder that is kept goes on as it was run."""
    trial, settings, kept = run("--merging", "average", "train.merging.turns=2")
    assert settings["merging"]["name"] == kept["merging"]["name"] == "average"
    assert settings["merging"]["turns"] == kept["merging"]["turns"] == 2
    (tmp_path / "options").rename(tmp_path / "before")
    plain, other, _ = run()
    assert "merging" not in other
    assert trial.train_loss != plain.train_loss
    assert trial.exposure == plain.exposure


def test_a_merged_study_goes_on_by_what_status_says_and_its_adapter_is_told_as_merged(run, cotune, refused, tmp_path):
    run("--merging", "average", "train.merging.turns=2")
    said = cotune("status", "options.yaml", "--runs", tmp_path).out
    command = re.search(r"or cotune (run .+) to go on", said).group(1)
    done = cotune(*command.split(), "--in-process", "--json")
    assert done.code == 0, done.err
    assert "fine-tunings are used" in done.out
    best = tmp_path / "best"
    done = cotune("train", "options.yaml", "--runs", tmp_path, "--mix", ",".join(PAIR), "--out", best, "--single")
    assert done.code == 0, done.err
    cards = [(best / place / "README.md").read_text() for place in (".", f"single/{PAIR[0]}")]
    assert ["merged (average in 2 turns) out of" in card for card in cards] == [True, False]
    other = ("train", "options.yaml", "--runs", tmp_path, "--mix", ",".join(PAIR), "--out", "no", "--dry-run")
    assert cotune(*other, "train.merging.options.scale=2").code == 0  # which the file alone would refuse
    assert "has no option 'scala'" in refused(*other, "train.merging.options.scala=2")
    (tmp_path / "options").rename(tmp_path / "before")
    assert "Merger 'none' has no options" in refused(*other, "train.merging.options.scale=2")
