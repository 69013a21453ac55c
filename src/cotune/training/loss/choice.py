"""The choice of a loss: names, options with their defaults, and what each needs of a dataset."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal, TypeAlias

Loss: TypeAlias = Literal[
    "cross_entropy",
    "label_smoothing",
    "focal",
    "squentropy",
    "z_loss",
    "cost_sensitive",
    "numeric_mae",
    "multi_similarity",
    "contrastive",
    "soft_mining",
    "center",
    "hard_negatives",
    "scoreq",
    "judged",
    "preference",
]

OPTIONS: Mapping[Loss, Mapping[str, float]] = {
    "cross_entropy": {},
    "label_smoothing": {},
    "focal": {},
    "squentropy": {},
    "z_loss": {"sharpness": 1.0, "location": 10.0},
    "cost_sensitive": {},
    "numeric_mae": {"bins": 10.0, "beta": 0.99},
    "multi_similarity": {"share": 0.5, "alpha": 2.0, "beta": 50.0, "base": 1.0, "margin": 0.1},
    "contrastive": {"share": 0.5, "temperature": 0.1},
    "soft_mining": {"share": 0.5, "margin": 1.2, "sigma": 0.8, "unlike": 0.5, "centers": 0.1},
    "center": {"share": 0.5, "rate": 0.5},
    "hard_negatives": {"share": 0.5, "temperature": 0.1, "negatives": 8.0, "every": 10.0},
    "scoreq": {"share": 0.5, "margin": 1.0},
    "judged": {"share": 0.5, "temperature": 0.1, "margin": 0.01},
    "preference": {"share": 0.5, "temperature": 1.0},
}
"""Options of each loss with their defaults (`train.smoothing` and `train.focal_gamma` are older and stay there)."""

LOSSES: tuple[Loss, ...] = tuple(OPTIONS)
BY_LABEL: frozenset[Loss] = frozenset(
    {"cost_sensitive", "multi_similarity", "contrastive", "soft_mining", "center", "hard_negatives", "preference"}
)
"""Losses of datasets with labels only."""

BY_NUMBER: frozenset[Loss] = frozenset({"numeric_mae", "scoreq"})
"""Losses of datasets with numbers as answers only."""

BY_COST: frozenset[Loss] = frozenset({"cost_sensitive", "judged"})
"""Losses of which `costs` say what a wrong label costs."""

BY_BATCH: frozenset[Loss] = frozenset(
    {"multi_similarity", "contrastive", "soft_mining", "center", "hard_negatives", "scoreq", "judged", "preference"}
)
"""Losses that compare the rows of a batch, or the batch with those before: by the model's last hidden states, or by how
likely their answers are."""

LASTING: frozenset[Loss] = frozenset({"center", "hard_negatives"})
"""Losses that keep something from step to step of a training."""

BY_STAKES: frozenset[Loss] = frozenset({"cost_sensitive", "numeric_mae", "scoreq", "judged", "preference"})
"""Losses that know what each wrong answer costs, or how sure a right one is."""

UNIT = frozenset({("numeric_mae", "beta"), ("judged", "margin")})
"""Options in [0, 1] whose names mean something else elsewhere."""

WHOLE: Mapping[str, float] = {"negatives": 0.0, "every": 1.0}
"""Options that are whole numbers, with the least of each."""

PLAIN: frozenset[Loss] = frozenset(LOSSES) - BY_BATCH - BY_STAKES
"""Losses that need a token's logits only."""


def check_loss_options(where: str, loss: Loss, options: Mapping[str, float]) -> None:
    """Refuses options that `loss` does not have, or that are out of range.

    Raises:
        ValueError: names the option.
    """
    known = OPTIONS[loss]
    for key, value in options.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}."
            raise ValueError(f"{where}: loss {loss!r} has no option {key!r}; {hint}")
        in_unit = key in ("share", "unlike", "rate") or (loss, key) in UNIT
        least = WHOLE.get(key, 0.0 if key in ("base", "margin", "location", "centers") else 1e-6)
        low, high = (0.0, 1.0) if in_unit else (least, 1e6)
        if not low <= value <= high or (in_unit and key == "beta" and value == 1):
            raise ValueError(f"{where}: option {key!r} of loss {loss!r} is in [{low:g}, {high:g}]; got {value}.")
        if key in WHOLE and value != int(value):
            raise ValueError(f"{where}: option {key!r} of loss {loss!r} is a whole number; got {value}.")
