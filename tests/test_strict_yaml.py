import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune.strict_yaml import parse_scalar, parse_yaml, read_yaml

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)


def refusal(text: str) -> str:
    try:
        parse_yaml(text, source="study.yaml")
    except ValueError as error:
        return str(error)
    return ""


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_is_yaml(value):
    assert parse_yaml(json.dumps(value)).value == value


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab: -[]{}#&*!|>'\"%@\t\n\\?,~019.e_\x00\ufeff"), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text):
    message = refusal(text)
    assert message == "" or (message.startswith("study.yaml:") and "\n" not in message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.0e-3", 1e-3),
        (".5", 0.5),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("0123", 123),
        ("0o17", 15),
        ("0xff", 255),
        ("200_000", 200_000),
        ("20_00", "20_00"),
        ("12:30:45", "12:30:45"),
        ("2024-01-02", "2024-01-02"),
        ("null", None),
        ("", None),
        ("-.inf", -math.inf),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3", 3, "already on line 1"),
        ("a: &x 1\nb: 2", 1, "anchors"),
        ("a: 1\nb: *x", 2, "anchors"),
        ("a: !!python/object/apply:os.system [ls]", 1, "tags"),
        ("a: 1\n---\nb: 2", 2, "second YAML document"),
        ("a:\n\tb: 1", 2, "tab"),
        ("[" * 60, 1, "nesting"),
        ("? [a]\n: 1", 1, "key is text"),
        ("a: 1\nb: \x01", 2, "not allowed"),
    ],
)
def test_refusals_name_line_and_rule(text, line, word):
    with pytest.raises(ValueError, match=f"^s.yaml:{line}: ") as caught:
        parse_yaml(text, source="s.yaml")
    assert word in str(caught.value).replace("'\\t'", "tab")


def test_quoted_numbers_stay_text_and_keys_are_text():
    assert parse_yaml("{1: '1', true: \"no\"}").value == {"1": "1", "true": "no"}


def test_lines_lead_to_the_nearest_place():
    document = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\n", source="s.yaml")
    assert document.where(("a", "c", 1)) == "s.yaml:5"
    assert document.where(("a", "missing", "deeper")) == "s.yaml:1"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", b"a: 1\rb: 2", b"a: 1\nb: 2"])
def test_byte_order_mark_and_line_ends_do_not_matter(tmp_path: Path, data):
    (tmp_path / "s.yaml").write_bytes(data)
    assert read_yaml(tmp_path / "s.yaml").value == {"a": 1, "b": 2}


@pytest.mark.parametrize(("data", "word"), [(b"a: 1\nb: \xff", ":2: byte 0xff"), (b"\xff\xfea\x00", "UTF-16")])
def test_other_encodings_are_named(tmp_path: Path, data, word):
    (tmp_path / "s.yaml").write_bytes(data)
    with pytest.raises(ValueError, match=word):
        read_yaml(tmp_path / "s.yaml")


def test_missing_files_and_folders_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no file"):
        read_yaml(tmp_path / "s.yaml")
    with pytest.raises(ValueError, match="not a file"):
        read_yaml(tmp_path)
