"""Where the fault tests keep their studies: in memory if the machine has a disk there."""

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(memory_path: Path) -> Path:
    return memory_path
