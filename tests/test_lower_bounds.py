"""The oldest versions that pyproject.toml admits of what is needed without training still work."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("tests/test_config.py", "tests/search/test_predictors.py", "tests/cli/test_own_trainer.py")
ROOMS += ("tests/cli/test_mistakes.py", "tests/reporting/test_page.py")
TOOLS = ("pytest", "pytest-timeout", "hypothesis")


def oldest() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [requirement.replace(">=", "==") for requirement in project["dependencies"]]


@pytest.mark.slow
def test_the_oldest_versions_admitted_pass_what_needs_no_training(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *oldest(), *TOOLS]
    done = subprocess.run(install, capture_output=True, text=True)
    if "No matching distribution" in done.stderr and "from versions: none" in done.stderr:
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", ROOT], check=True)
    tests = [python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *ROOMS]
    done = subprocess.run(tests, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
