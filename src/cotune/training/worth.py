"""Worth: whether it pays to keep what the frozen layers give, from how often a study meets the same tokens."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from cotune.task import Split, Task
from cotune.training.cut import below
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.forest import plant
from cotune.training.goal import BATCH_TOKENS
from cotune.training.model import LanguageModel
from cotune.training.room import DISK_BYTES
from cotune.training.setup import Setup
from cotune.training.spill import SPILL_BYTES
from cotune.training.trunk import STATES_BYTES, Trunk

ROWS, ROW_TOKENS = 16, 32
TRIALS = 24
"""Of a usual study. Not its own number: a study that goes on with more trials goes on in the same way."""
SAMPLE = 32
"""Rows of a split that tell the length of all."""


@dataclass(frozen=True)
class Costs:
    """What a trunk costs a token, in passes of packs through its layers: `fill` once, `read` each time it is used."""

    fill: float
    read: float


CPU = Costs(fill=1.1, read=0.01)
"""Measured with the embedded model on one thread: fill is 1.0 at 2 to 24 frozen layers, read below 0.005
(`python -m benchmarks.trunk`)."""


def pays(uses: float, costs: Costs, *, held: float = 1.0) -> bool:
    """Tells whether a trunk saves time, where each token is used `uses` times and a share `held` of them can be kept.

    Without it each use costs one pass.

    >>> pays(1, Costs(fill=1.3, read=0.01)), pays(2, Costs(fill=1.3, read=0.01))
    (False, True)
    """
    filled = 1 + (uses - 1) * (1 - held)
    return costs.fill * filled + costs.read * uses < uses


def is_worth(setup: Setup, model: LanguageModel, encoder: Encoder) -> bool:
    """Tells whether a study keeps a trunk: as `train.trunk` says, or where it pays over the trials of a usual study.

    On a CPU it hangs on data and settings alone, so that a trial repeats to the bit; a GPU's costs are measured.
    """
    depth = model.depth(setup.lora)
    if depth == 0 or setup.train.trunk != "auto":
        return setup.train.trunk != "off"
    uses, met = _uses(setup, encoder)
    token_bytes = int(model.module.config.get_text_config().hidden_size) * model.dtype.itemsize
    held = min((STATES_BYTES + min(DISK_BYTES, SPILL_BYTES)) / (met * token_bytes), 1.0)
    return pays(uses, CPU if model.device.type == "cpu" else measured(model, depth), held=held)


def _uses(setup: Setup, encoder: Encoder) -> tuple[float, float]:
    """Gives how often a token is used of those that the study meets, and how many these are."""
    train, budget = setup.train, setup.budget
    rows = [len(task.rows.get("train", ())) for task in setup.tasks]
    lengths = [_mean_tokens(setup, encoder, task, "train") for task in setup.tasks]
    sizes = [count * length for count, length in zip(rows, lengths, strict=True)]
    mean = sum(sizes) / max(sum(rows), 1)
    batch = train.batch_examples * mean if train.batch_examples else train.batch_tokens or BATCH_TOKENS
    unit = {"tokens": 1.0, "examples": mean, "steps": batch, "epochs": sum(sizes)}[budget.kind]
    most = setup.scoring.dev_rows or math.inf
    scored = [
        min(len(task.rows.get("dev", ())), most) * _mean_tokens(setup, encoder, task, "dev") for task in setup.tasks
    ]
    return expected_uses(trials=TRIALS, trained=budget.amount * unit, sizes=sizes, scored=sum(scored))


def _mean_tokens(setup: Setup, encoder: Encoder, task: Task, split: Split) -> float:
    rows = task.rows.get(split, ())[:SAMPLE]
    sample = encoder.examples(task, rows, max_length=setup.train.length_of(task.name))
    return sum(example.tokens for example in sample) / max(min(len(sample), len(rows)), 1)  # a text may be several


def expected_uses(*, trials: int, trained: float, sizes: Sequence[float], scored: float) -> tuple[float, float]:
    """Gives how often a study uses a token of those that it meets, and how many these are.

    Each of `trials` trials trains on `trained` tokens of datasets of `sizes` tokens; they and the model as it is are
    scored on the same `scored` tokens. A dataset shows its rows in one order, so that no trial goes beyond its first
    `trained` tokens; that the trials reach them all is the least favourable case.
    """
    used = trials * trained + (trials + 1) * scored
    met = min(trials * trained, sum(min(size, trained) for size in sizes)) + scored
    return used / max(met, 1.0), max(met, 1.0)


def measured(model: LanguageModel, depth: int) -> Costs:
    """Gives the costs on the machine at hand, from 448 tokens; about three passes of the lower layers."""
    trunk = Trunk(model, depth)
    size = model.module.get_input_embeddings().num_embeddings
    tokens = [[(row * ROW_TOKENS + column) % size for column in range(ROW_TOKENS)] for row in range(ROWS)]
    examples = [Example("probe", str(row), tuple(ids[:-1]), (ids[-1],)) for row, ids in enumerate(tokens)]
    first, examples = examples[:2], examples[2:]
    nodes = plant(examples, device=model.device, dtype=model.dtype).nodes
    run_below(model, depth, first)  # the first call of anything is slow
    trunk.prepare(plant(first, device=model.device, dtype=model.dtype).nodes)
    plain = _seconds(model.device, lambda: run_below(model, depth, examples))
    fill = _seconds(model.device, lambda: trunk.prepare(nodes))
    read = _seconds(model.device, lambda: trunk.states(nodes))
    return Costs(fill / plain, read / plain)


@torch.no_grad()  # type: ignore[untyped-decorator]
def run_below(model: LanguageModel, depth: int, examples: list[Example]) -> None:
    """Runs the lowest `depth` layers on one pack, as every trial does that has no trunk."""
    forest = plant(examples, device=model.device, dtype=model.dtype)
    with below(model.layers, depth):
        model.module.base_model(
            input_ids=forest.ids, position_ids=forest.positions, attention_mask=forest.mask, use_cache=False
        )


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
