"""The file that a stopped benchmark goes on with."""

import pytest
from benchmarks.case import Case
from benchmarks.pools import draw_pools
from benchmarks.rows import RowFile, fingerprint

(POOL,) = draw_pools(1, ("fixed",), 0, {"size": 3})
(OTHER,) = draw_pools(1, ("fixed",), 1, {"size": 3})
ROWS = [{"budget": 12, "nregret": 0.25}, {"budget": 24, "nregret": 0.0}]


def case(repeat: int = 0, pool=POOL) -> Case:
    return Case(pool, ("t00",), "random", repeat)


def test_what_was_appended_is_found_again(tmp_path):
    RowFile(tmp_path / "rows", {"seed": 0}).append(case(), ROWS)
    file = RowFile(tmp_path / "rows", {"seed": 0})
    assert file.rows(case()) == ROWS
    assert case(1) not in file
    assert case(0, OTHER) not in file  # equal in name, not in what it holds


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_was_cut_off_is_run_again(tmp_path, cut):
    path = tmp_path / "rows"
    file = RowFile(path, {"seed": 0})
    file.append(case(0), ROWS)
    file.append(case(1), ROWS)
    path.write_bytes(path.read_bytes()[:-cut])
    file = RowFile(path, {"seed": 0})
    assert case(0) in file
    assert case(1) not in file
    file.append(case(1), ROWS)
    assert RowFile(path, {"seed": 0}).rows(case(1)) == ROWS


def test_a_first_line_that_was_cut_off_is_written_again(tmp_path):
    (tmp_path / "rows").write_text('{"see')
    RowFile(tmp_path / "rows", {"seed": 0}).append(case(), ROWS)
    assert case() in RowFile(tmp_path / "rows", {"seed": 0})


def test_rows_of_other_settings_are_refused(tmp_path):
    RowFile(tmp_path / "rows", {"seed": 0, "code": "abc", "budgets": (1, 2)})
    with pytest.raises(ValueError, match=r"code was abc, is def"):
        RowFile(tmp_path / "rows", {"seed": 0, "code": "def", "budgets": (1, 2)})
    assert RowFile(tmp_path / "rows", {"seed": 0, "code": "abc", "budgets": (1, 2)})


def test_the_code_has_one_fingerprint():
    assert fingerprint() == fingerprint()
