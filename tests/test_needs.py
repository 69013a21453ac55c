"""A test without what it needs is skipped, but never in CI."""

import pytest

from needs import missing


def test_what_is_missing_fails_in_ci_alone(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no model"):
        missing("no model")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI must not go without: no model"):
        missing("no model")
