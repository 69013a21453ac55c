"""A run records the versions of all that its scores may hang on, without importing it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from cotune import Problem, Task, each
from cotune.journal import read_journal
from cotune.reporting.logged import versions as reported
from cotune.study import Study
from cotune.study.versions import versions

CODE = "import sys; from cotune.study.versions import versions; versions(); print({*sys.modules} & {'torch', 'scipy'})"
HUGGING_FACE = ("torch", "transformers", "peft", "tokenizers", "datasets")


def test_a_run_records_the_version_of_every_library(tmp_path: Path) -> None:
    study = Study(tmp_path, Problem([Task("a"), Task("b")], targets=["a"]))
    study.run(each(lambda request: {"a": 0.1 * len(request.mixture)}), trials=2)
    found = reported(read_journal(tmp_path).log)
    assert found == versions()
    assert all(found[package] == version(package) for package in ("cotune", "numpy", "scipy", *HUGGING_FACE))


def test_nothing_is_imported_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
