"""Which predicted string stands for which place in the text."""

from hypothesis import given
from hypothesis import strategies as st

from cotune.tasks.spans import NOWHERE, flat, locate, occurrences

TEXT = "breast cancer and cancer of the breast , not cancerous"


def test_kth_string_is_kth_occurrence() -> None:
    assert locate("a b a c a", ["a", "b", "a", "a", "a"]) == [(0, 1), (2, 3), (4, 5), (8, 9), NOWHERE]


def test_longer_names_are_placed_first() -> None:
    assert locate(TEXT, ["breast cancer", "cancer", "breast"]) == [(0, 13), (18, 24), (32, 38)]


def test_order_of_different_strings_does_not_matter() -> None:
    assert locate(TEXT, ["breast", "cancer", "breast cancer"]) == [(32, 38), (18, 24), (0, 13)]


def test_nested_names_are_found_when_no_other_place_is_left() -> None:
    assert locate("the breast cancer", ["breast cancer", "cancer"]) == [(4, 17), (11, 17)]


def test_whole_words_come_before_parts_of_words() -> None:
    assert occurrences("ca calcium ca", "ca") == [(0, 2), (11, 13)]
    assert occurrences("calcium", "ca") == [(0, 2)]


def test_absent_and_empty_strings_are_nowhere() -> None:
    assert locate("text", ["", "missing"]) == [NOWHERE, NOWHERE]


@given(st.text("ab ", max_size=12), st.lists(st.text("ab ", max_size=3), max_size=5))
def test_every_span_reads_as_its_string(text: str, strings: list[str]) -> None:
    spans = locate(text, strings)
    for string, (start, end) in zip(strings, spans, strict=True):
        assert (start, end) == NOWHERE or text[start:end] == string
    found = [span for span in spans if span != NOWHERE]
    assert len(set(found)) == len(found)


@given(st.text())
def test_flat_keeps_positions(text: str) -> None:
    assert len(flat(text)) == len(text)
    assert flat(text).split() == text.split()
