"""The shared sample sets, loaded once, and files of rows."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from handmade import WriteLines

from cotune.task import Task
from cotune.tasks import load_tasks

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared sample sets are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def shared_tasks(shared_data: Path) -> tuple[Task, ...]:
    return load_tasks(shared_data)


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    def write(name: str, rows: Sequence[object]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write
