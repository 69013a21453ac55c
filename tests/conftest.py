"""What tests of several rooms share."""

from pathlib import Path

import pytest

from needs import missing

collect_ignore = ["conftest.py"]  # there are several of that name, which doctests could not tell apart


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The folder of the embedded model."""
    from cotune.training.embedded import model_folder

    try:
        return model_folder()
    except ConnectionError as error:
        missing(f"the embedded model cannot be fetched: {error}")
