"""The table in docs/balance.md is that of the results."""

import json
from pathlib import Path

from benchmarks.balance.figures import EVERYWHERE, FRESH
from benchmarks.balance.overview import overview

DOCS = Path(__file__).parents[2] / "docs"


def figure(name, mean, pool=EVERYWHERE, timed=False):
    minus = {"mean": (mean, mean - 0.01, mean + 0.01), "worst": (0.0, -0.02, 0.02), "normalised": (0.1, 0.0, 0.2)}
    return {"pool": pool, "contestant": name, "is_timed": timed, "runs": 6, "minus": minus, "ratio": 1.5}


def test_a_line_has_all_that_was_measured_of_a_contestant():
    lines = overview([figure("coba", 0.02), figure("equal", 0), figure("coba", -0.01, FRESH), figure("famo", -0.05)])
    rest = "+0.0 [-2.0, +2.0] | +0.100 [+0.000, +0.200] |  | 1.50 |"
    assert lines.splitlines()[2:] == [
        f"| `coba` | 6 | +2.0 [+1.0, +3.0] | -1.0 [-2.0, +0.0] | {rest}",
        f"| `famo` | 6 | -5.0 [-6.0, -4.0] |  | {rest}",
    ]


def test_the_page_has_the_table_of_the_results():
    figures = json.loads((DOCS / "results" / "balance.json").read_text())["figures"]
    assert overview(figures) in (DOCS / "balance.md").read_text()
