"""What was used last stays, within the bytes; what leaves is handed back once."""

import torch

from cotune.training.recent import Recent


def numbers(count):
    return torch.zeros(count, dtype=torch.uint8)


def test_the_least_recently_used_leave_first():
    recent = Recent(3)
    for key in "abc":
        assert recent.put(key, numbers(1)) == {}
    recent.get("a")
    assert list(recent.put("d", numbers(2))) == ["b", "c"]
    assert [key in recent for key in "abcd"] == [True, False, False, True]


def test_a_tensor_that_is_put_again_counts_once():
    recent = Recent(3)
    for _ in range(5):
        assert recent.put("a", numbers(2)) == {}
    assert list(recent.put("b", numbers(2))) == ["a"]


def test_what_is_too_large_leaves_at_once_and_all_others_too():
    recent = Recent(3)
    recent.put("a", numbers(1))
    assert list(recent.put("b", numbers(4))) == ["a", "b"]
    assert recent.put("c", numbers(3)) == {}


def test_confined_it_never_grows_again():
    recent = Recent(8)
    for key in "abcdefgh":
        recent.put(key, numbers(1))
    assert list(recent.confine(0.5)) == list("abcd")
    assert recent.confine(1.0) == {}
    assert list(recent.put("i", numbers(1))) == ["e"]
