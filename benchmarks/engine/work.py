"""The work that all contestants are given: the same rows, steps, layers, starting factors and dev rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

from cotune import Mixture, Request
from cotune.training import Budget, Lora, Scoring, Train


@dataclass(frozen=True)
class Work:
    """So many trials of one model: mixtures of `datasets`, from one seed, each of `steps` steps of `batch` rows.

    `data` is a folder of datasets, empty for made-up ones. `dev_rows` are scored after each trial by their loss, as
    many of each dataset. `device` and `dtype` are as in `train:`; `width` trials train at once where that is asked for.
    """

    model: str
    data: str
    datasets: tuple[str, ...]
    trials: int = 12
    steps: int = 30
    batch: int = 8
    dev_rows: int = 192
    top: int = 6
    rank: int = 8
    max_length: int = 256
    lr: float = 1e-3
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"
    dtype: str = "float32"
    width: int = 12

    def __post_init__(self) -> None:
        least = {"trials": 1, "steps": 1, "batch": 1, "top": 0, "rank": 1, "width": 1, "dev_rows": 1}
        given = asdict(self)
        low = {name: given[name] for name, bound in least.items() if given[name] < bound}
        if low:
            raise ValueError(f"Work is counted from 1 on (top from 0, for all layers); got {low}.")
        if self.trials >= 2 ** len(self.datasets):
            raise ValueError(
                f"{len(self.datasets)} datasets have {2 ** len(self.datasets) - 1} mixtures; {self.trials} trials need "
                "more datasets."
            )
        if self.dev_rows % (len(self.datasets) * self.batch):
            raise ValueError(
                f"{self.dev_rows} dev rows are not {len(self.datasets)} equal parts in whole batches of {self.batch}; "
                f"a multiple of {len(self.datasets) * self.batch} is."
            )

    @classmethod
    def of_json(cls, found: Mapping[str, object]) -> "Work":
        """Gives the work that `asdict` made a JSON object of."""
        made = cls(**found)  # type: ignore[arg-type]
        return replace(made, datasets=tuple(made.datasets))

    @property
    def requests(self) -> tuple[Request, ...]:
        """The trials: mixtures from the single datasets upwards, all from one seed, as a study asks for them."""
        names = sorted(self.datasets)
        subsets = (chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size))
        return tuple(
            Request(Mixture.of(chosen), self.seed) for chosen, _ in zip(subsets, range(self.trials), strict=False)
        )

    @property
    def budget(self) -> Budget:
        """What a trial trains."""
        return Budget(steps=self.steps)

    @property
    def lora(self) -> Lora:
        """What is trained: all linear modules of the top layers, or with 0 of all."""
        return Lora(rank=self.rank, alpha=2.0 * self.rank, layers=f"top-{self.top}" if self.top else "all")

    @property
    def train(self) -> Train:
        """How it is trained: without warm-up, where transformers and cotune count steps alike."""
        return Train(
            lr=self.lr,
            schedule="linear",
            warmup=0,
            batch_examples=self.batch,
            max_length=self.max_length,
            threads=self.threads,
            device=self.device,
            dtype=self.dtype,  # type: ignore[arg-type]
        )

    @property
    def scoring(self) -> Scoring:
        """Which dev rows are scored."""
        return Scoring(dev_rows=self.dev_rows // len(self.datasets))


def spread(requests: Sequence[Request], count: int) -> list[int]:
    """Gives the places of `count` of the requests, evenly spread: they stand for all of them.

    >>> spread(range(12), 3)
    [1, 5, 9]
    """
    gap = len(requests) / count
    return [int((place + 0.5) * gap - 0.5) for place in range(count)]
