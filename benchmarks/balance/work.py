"""The work that every contestant is given: model, tokens, learning rates, rows to choose by and rows to report."""

from dataclasses import dataclass

from cotune.training import Lora, Scoring, Train

FIRST_SEEDS = 2
"""Seeds of the screen: finalists are chosen by their trainings, learning rates and cost ratios by those of one."""

TIMING_STEPS = 20
"""Steps of a training that only shows what a step costs: two looks at held-out rows are among them."""


@dataclass(frozen=True)
class Work:
    """One training has `tokens` tokens at each of `lrs`, on `seeds` seeds, on the top `top` layers of `model`.

    `choose` dev rows of each dataset choose the learning rate, `report` test rows are reported. `weight_decay` is
    AdamW's.
    """

    model: str = "embedded"
    tokens: int = 20_000
    lrs: tuple[float, ...] = (2e-3, 6e-3)
    seeds: int = 5
    top: int = 4
    batch_tokens: int = 256
    max_length: int = 128
    max_new_tokens: int = 24
    choose: int = 24
    report: int = 64
    weight_decay: float = Train.weight_decay

    def __post_init__(self) -> None:
        amounts = (self.tokens, self.seeds, self.top, self.choose, self.report, *self.lrs)
        if not self.lrs or min(amounts) <= 0:
            raise ValueError(f"All of the work is positive, with a learning rate or more; got {self}.")

    @property
    def timing_tokens(self) -> int:
        """Tokens of a training that only shows what a step costs."""
        return min(self.tokens, TIMING_STEPS * self.batch_tokens)

    @property
    def lora(self) -> Lora:
        """What is trained."""
        return Lora(layers=f"top-{self.top}")

    @property
    def train(self) -> Train:
        """How it is trained where a contestant says nothing else: alone, on one thread."""
        return Train(
            lr=self.lrs[0],
            batch_tokens=self.batch_tokens,
            max_length=self.max_length,
            threads=1,
            width=1,
            device="cpu",
            trunk="on",
            weight_decay=self.weight_decay,
        )

    @property
    def scoring(self) -> Scoring:
        """What is scored: all rows that a pool has kept."""
        return Scoring(dev_rows=None, max_new_tokens=self.max_new_tokens)


TINY = Work(
    tokens=300, lrs=(0.01, 0.03), seeds=2, top=1, batch_tokens=100, max_length=64, max_new_tokens=2, choose=4, report=4
)
"""What `--tiny` trains."""


@dataclass(frozen=True, order=True)
class Case:
    """One training: a contestant on a pool, with a learning rate, a seed and a budget in tokens.

    With `is_timing` it is one of several in turn with equal weights, for the sake of their seconds.
    """

    pool: str
    contestant: str
    lr: float
    seed: int
    tokens: int
    is_timing: bool = False
