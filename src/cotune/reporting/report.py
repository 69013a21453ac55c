"""What a report holds: plain data, so that the terminal, the browser and `--json` show the same figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cotune.reporting.balance import Balanced
from cotune.reporting.balance_mixed import MixedTrial
from cotune.verdict import Contest, Verdict
from cotune.verdict.effects import Effect

State = Literal["done", "failed", "pending"]


@dataclass(frozen=True)
class TrialLine:
    """One line of the journal: `parts` in the order of the pool, `value` the objective, `scores` the targets'."""

    number: int
    mixture: str
    parts: tuple[int, ...]
    reason: str
    seed: int
    fidelity: float
    state: State
    is_winner: bool = False
    is_dominated: bool = False
    value: float | None = None
    scores: Mapping[str, float] | None = None
    loss: float | None = None
    predicted: float | None = None
    predicted_sd: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    device: str = ""
    malformed: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Step:
    """One fine-tuning of the search: cost so far, best objective observed so far, its own and what was predicted."""

    fine_tunings: int
    tokens: int
    seconds: float
    best: float
    mixture: str
    value: float | None = None
    predicted: float | None = None


@dataclass(frozen=True)
class Share:
    """What a finalist really trained of one dataset: its share of the training tokens, tokens and epochs."""

    mixture: str
    dataset: str
    share: float
    tokens: int
    epochs: float


@dataclass(frozen=True)
class FinalScore:
    """A trained model's score on the test split of one dataset, with its interval if there is one."""

    mixture: str
    dataset: str
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class FinalLead:
    """By how much the first mixture that was tested leads a rival on the test split of one dataset."""

    rival: str
    dataset: str
    lead: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Calibration:
    """How well proposals were predicted: mean absolute error, Spearman's rank correlation, share within one sd."""

    count: int
    error: float
    rank_correlation: float | None
    within_sd: float | None


@dataclass(frozen=True)
class DatasetLine:
    """One dataset of the pool: what it is, how many rows it has, and under which licence it may be used."""

    name: str
    role: Literal["target", "required", "keep", ""]
    kind: str
    metric: str
    rows: Mapping[str, int]
    licence: str
    source: str
    fingerprint: str
    similarity: float | None = None


@dataclass(frozen=True)
class Cost:
    """What the study cost, side by side: rounds of proposing, fine-tunings, tokens, device-seconds."""

    rounds: int
    fine_tunings: int
    failed: int
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Composite:
    """A finalist over all targets: the composite scores of `cotune.composite`; None where they are undefined."""

    mixture: str
    mean: float
    worst: tuple[str, float]
    rank: float
    delta_percent: float | None


@dataclass(frozen=True)
class Report:
    """Everything that a report shows. Scores are in [0, 1]; `unit` names a hundredth of the objective."""

    name: str
    model: str
    targets: Mapping[str, float]
    unit: str
    combinations: int
    verdict: Verdict
    winner: str
    recommended: str
    trials: tuple[TrialLine, ...]
    effects: tuple[Effect, ...]
    part_effects: tuple[Effect, ...]
    surprises: tuple[str, ...]
    curve: tuple[Step, ...]
    calibration: Calibration | None
    shares: tuple[Share, ...]
    test: tuple[FinalScore, ...]
    test_leads: tuple[FinalLead, ...]
    test_sentence: str
    composites: tuple[Composite, ...]
    balanced: tuple[Balanced, ...]
    mixed: MixedTrial | None
    contest: Contest | None
    datasets: tuple[DatasetLine, ...]
    cost: Cost
    stopped: str
    warnings: tuple[str, ...]
    settings: Mapping[str, str]
    versions: Mapping[str, str]
