"""What a test does without something that it needs."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skips the test with the reason; in CI (the environment variable CI is set) it fails, so that none is lost."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must not go without: {what}", pytrace=False)
    pytest.skip(what)
