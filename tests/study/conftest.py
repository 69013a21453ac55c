"""Where the studies lie: in memory if the machine has a disk there, since there are hundreds."""

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(memory_path: Path) -> Path:
    return memory_path
