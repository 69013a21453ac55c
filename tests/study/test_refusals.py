"""A sampler that breaks its contract and options out of range are refused."""

from pathlib import Path

import pytest
from gains import run

from cotune import Mixture, Request
from cotune.trial import Proposal


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda *given: [Proposal(Request(Mixture.of("bc")), "x")], "does not allow"),
        (lambda *given: [Proposal(Request(Mixture.of("a")), "x")], "fresh seed"),
        (lambda *given: [Proposal(Request(Mixture.of("ab"), seed), "x") for seed in (1, 2)], "at most 1"),
    ],
)
def test_a_sampler_that_breaks_its_contract_is_told(tmp_path: Path, bad: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(tmp_path, sampler=bad)


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 0},
        {"trials": 2.5},
        {"batch": 0},
        {"patience": 0},
        {"hours": 0},
        {"confirm": -1},
        {"min_improvement": -1},
        {"min_improvement_noise": -0.1},
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        run(tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()
