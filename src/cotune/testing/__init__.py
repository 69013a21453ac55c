"""For those who extend cotune: suites that check a new part, and pools whose every score is known."""

from cotune.testing.checks import check_acquisition, check_evaluate, check_predictor, check_sampler, example_problem
from cotune.testing.landscapes import REGIMES, Knobs, Landscape, Regime, landscape
from cotune.testing.tables import Table, load_table, table_evaluate, tabulate

__all__ = [
    "REGIMES",
    "Knobs",
    "Landscape",
    "Regime",
    "Table",
    "check_acquisition",
    "check_evaluate",
    "check_predictor",
    "check_sampler",
    "example_problem",
    "landscape",
    "load_table",
    "table_evaluate",
    "tabulate",
]
