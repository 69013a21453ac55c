"""The examples: the one without a language model finds what is planted in it, and every study file is valid."""

import subprocess
import sys
from pathlib import Path

import pytest

from cotune.config import load_config

EXAMPLES = Path(__file__).parent.parent / "examples"
STUDIES = [*EXAMPLES.rglob("*.yaml"), EXAMPLES.parent / "src" / "cotune" / "demo.yaml"]


def test_own_trainer_finds_datasets_that_help(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "own_trainer" / "digits.py"), str(tmp_path / "study")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    winner = done.stdout.partition(" beats ")[0].split(" + ")
    assert "beats target only by" in done.stdout
    assert {"photos", "scans"} <= set(winner)
    assert "mislabelled" not in winner


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_study_files_are_valid(study: Path) -> None:
    config = load_config(study)
    assert set(config.targets) <= {spec.name for spec in config.datasets}
