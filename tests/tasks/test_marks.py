"""Marked lists: what is joined is split again, whatever the strings hold."""

from hypothesis import given
from hypothesis import strategies as st

from cotune.tasks.marks import mark_escaped, split_items, split_marked

MARKS = ("; ", " | ", ": ")
signs = st.text(st.sampled_from(";|: \\ab\n\té"), max_size=12)
strings = signs.map(str.strip)


@given(st.lists(strings, min_size=1, max_size=6), st.data())
def test_join_then_split_is_identity(items: list[str], data: st.DataObject) -> None:
    between = data.draw(st.lists(st.sampled_from(MARKS), min_size=len(items) - 1, max_size=len(items) - 1))
    text = mark_escaped(items[0], MARKS)
    for mark, item in zip(between, items[1:], strict=True):
        text += mark + mark_escaped(item, MARKS)
    assert split_marked(text, MARKS) == (items, between)


@given(st.lists(strings.filter(lambda text: "\n" not in text), min_size=1, max_size=6))
def test_lines_can_part_items(items: list[str]) -> None:
    marks = ("\n", ": ")
    text = "\n".join(mark_escaped(item, marks) for item in items)
    assert [parts[0] for parts, _ in split_items(text, [": "], "\n")] == items


@given(signs)
def test_any_output_can_be_split(text: str) -> None:
    strings_found, marks_found = split_marked(text, MARKS)
    assert len(strings_found) == len(marks_found) + 1


def test_only_what_looks_like_a_mark_is_escaped() -> None:
    assert mark_escaped("tumor necrosis factor", MARKS) == "tumor necrosis factor"
    assert mark_escaped("IL-2;IL-4", MARKS) == "IL-2;IL-4"
    assert mark_escaped("IL-2; IL-4", MARKS) == r"IL-2\; IL-4"
    assert mark_escaped("ends in ;", ["; "]) == "ends in ;"
    assert mark_escaped("ends in ;", MARKS) == r"ends in \;", "before ' | ' it would read as '; '"
    assert mark_escaped("a |", MARKS) == r"a\ |"
