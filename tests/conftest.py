"""What tests of several rooms share."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from needs import missing

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how fast a machine is is no property of what is tested

collect_ignore = ["conftest.py"]  # there are several of that name, which doctests could not tell apart

MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory if the machine has a disk there, for tests that would often wait for a real one."""
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The folder of the embedded model."""
    from cotune.training.embedded import model_folder

    try:
        return model_folder()
    except ConnectionError as error:
        missing(f"the embedded model cannot be fetched: {error}")


@pytest.fixture(params=[{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}], ids=["offline", "unreachable"])
def without_hub(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Runs code in a process that cannot reach the hub, with its cache in `tmp_path`, and gives what it prints."""

    def run(code: str) -> str:
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {"HF_HOME": str(tmp_path), **request.param}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    return run
