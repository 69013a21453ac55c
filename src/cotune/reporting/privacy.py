"""Privacy budgets in words: each dataset's epsilons, and what they hold at."""

from collections.abc import Mapping

from cotune.reporting.svg import short

PRIVATE = "private"
"""The balancer that hides rows."""

UNHIDDEN = "Balancer private hides no rows of a mixture of one dataset: it is trained as ever, without a budget."

LIMITS = (
    "The smaller an epsilon, the less one row of the dataset shows in the trained weights. It holds for this training "
    "alone: another one on the same rows adds its own. Scores, losses and outputs are not covered, and who knows the "
    "seed can take the noise away again. The second figure is the usual one, as if each step had drawn its rows by "
    "chance."
)
"""What the epsilons say, and what they do not."""


def privacy_columns(terms: Mapping[str, float]) -> tuple[str, str, str]:
    """Gives the heads of a table of budgets.

    >>> privacy_columns({"delta": 1e-5})
    ('dataset', 'privacy (epsilon at delta 1e-5)', 'rows drawn by chance')
    """
    delta = f" at delta {terms['delta']:g}".replace("e-0", "e-") if "delta" in terms else ""
    return "dataset", f"privacy (epsilon{delta})", "rows drawn by chance"


def privacy_lines(privacy: Mapping[str, tuple[float, float]]) -> list[tuple[str, str, str]]:
    """Gives the rows of a table of budgets, from a trial's `Balancing.privacy`."""
    return [(name, short(used), short(drawn)) for name, (used, drawn) in privacy.items()]


def privacy_terms(terms: Mapping[str, float]) -> str:
    """Gives in words how rows were hidden; nothing where a trial does not tell.

    >>> privacy_terms({"delta": 1e-5, "clip": 1.0, "noise": 2.0})
    'clip 1, noise 2'
    """
    return ", ".join(f"{name} {value:g}" for name, value in terms.items() if name != "delta")
