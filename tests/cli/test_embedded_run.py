"""A real study: `cotune run` fine-tunes the embedded model, and a second run trains nothing."""

import pytest
from programs import write_pool
from transformers import AutoTokenizer

from cotune.journal import read_journal
from cotune.training.fingerprint import model_fingerprint

STUDY = """\
model: embedded
targets: [animals]
budget: {steps: 3}
train: {batch_examples: 4, max_length: 96, prompt_style: plain}
dev_rows: 6
search: {trials: 4, confirm: 0}
datasets:
  - {name: animals, path: data/animals}
  - {name: fruits, path: data/fruits}
  - {name: sounds, path: data/sounds}
"""


@pytest.mark.slow
def test_a_study_fine_tunes_the_embedded_model(embedded, tmp_path, monkeypatch, cotune):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(embedded.parent)
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    write_pool(tmp_path / "data")
    (tmp_path / "study.yaml").write_text(STUDY)
    done = cotune("run", "study.yaml")
    assert done.code == 0, done.err
    view = read_journal(tmp_path / "runs" / "study")
    assert view.settings["model"] == model_fingerprint(embedded, AutoTokenizer.from_pretrained(embedded))
    tuned = [record.trial for record in view.records if len(record.request.mixture)]
    assert len({trial.request.mixture for trial in tuned}) == 4
    assert all(trial.is_finished and len(trial.train_loss) == 3 and trial.tokens for trial in tuned)
    assert all(trial.train_loss[-1] < trial.train_loss[0] for trial in tuned)
    again = cotune("run", "study.yaml")
    assert again.code == 0, again.err
    assert "Nothing was left to train." in again.out
    assert read_journal(tmp_path / "runs" / "study").records == view.records
