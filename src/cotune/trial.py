"""Requests, what they cost and scored, and the record of both: the words that search and training share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from cotune.mixture import Mixture
from cotune.tally import Tally


@dataclass(frozen=True)
class Stop:
    """When to end a fine-tuning early: after a fraction of its budget, if its dev loss is above a limit.

    `limits` are (fraction, loss) pairs; the loss is the mean of those of the tasks in `weights`, by these. An infinite
    limit stops nothing: the loss is measured there, and kept.
    """

    weights: tuple[tuple[str, float], ...]
    limits: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        bad = [fraction for fraction, _ in self.limits if not 0 < fraction < 1]
        if bad:
            raise ValueError(f"A fine-tuning stops after a fraction of its budget in (0, 1); got {bad}.")

    def loss(self, losses: Mapping[str, float]) -> float:
        """Gives the loss that is compared, of the dev losses of at least its tasks."""
        return sum(weight * losses[name] for name, weight in self.weights) / sum(weight for _, weight in self.weights)

    def is_hopeless(self, fraction: float, losses: Mapping[str, float]) -> bool:
        """Tells whether a fine-tuning with these dev losses after `fraction` of its budget is to end."""
        return any(self.loss(losses) > limit for at, limit in self.limits if at == fraction)


@dataclass(frozen=True, order=True)
class Request:
    """One fine-tuning to run: what to train on, from which seed, with which fraction of the budget.

    `stop` may end it early; requests that differ by it alone are equal, since what they train on is.
    """

    mixture: Mixture
    seed: int = 0
    fidelity: float = 1.0
    stop: Stop | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"A seed is >= 0; got {self.seed}.")
        if not 0 < self.fidelity <= 1:
            raise ValueError(f"Fidelity is a fraction of the budget in (0, 1]; got {self.fidelity}.")


@dataclass(frozen=True)
class Proposal:
    """A request together with why it was asked for and what was expected of it.

    `mean` and `sd` predict the objective, `improvement` is the expected improvement over the best so far; all are
    None where nothing predicts.
    """

    request: Request
    reason: str
    mean: float | None = None
    sd: float | None = None
    improvement: float | None = None


@dataclass(frozen=True)
class ExampleResults:
    """Per-example results on one split, in the order of `ids`; any field but `ids` may be empty if not measured."""

    ids: tuple[str, ...] = ()
    tallies: tuple[tuple[Tally, ...], ...] = ()
    losses: tuple[float, ...] = ()
    answer_tokens: tuple[int, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskResult:
    """How one trained model does on one task: `score` in [0, 1] higher is better, `loss` in nats per answer token.

    `metrics` holds further scores by name; `malformed` counts outputs that could not be parsed (each scores zero).
    """

    score: float | None = None
    loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    malformed: int = 0
    examples: ExampleResults = ExampleResults()


@dataclass(frozen=True)
class Exposure:
    """What was trained of one task: tokens without padding, examples with repeats, passes over its rows."""

    tokens: int = 0
    examples: int = 0
    epochs: float = 0.0
    truncated: int = 0


@dataclass(frozen=True)
class Balancing:
    """What a balancer did at some `steps` of a training, counted from 1: the weight of each task, [step].

    `cosines` are those of the tasks' gradients [step][pair], where the balancer took them; pairs are in the order of
    `itertools.combinations` of `weights`, None where a batch had no example of a task. `privacy` are a task's two
    epsilons, where gradients were made private: for how rows were drawn, and as if each step drew them by chance.
    `terms` are the options that these hold at: delta, clip, noise.
    `validation` are (step, losses [task] on held-out rows before it), where the balancer looked at them.
    """

    balancer: str
    steps: tuple[int, ...]
    weights: Mapping[str, tuple[float, ...]]
    cosines: tuple[tuple[float | None, ...], ...] = ()
    privacy: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    validation: tuple[tuple[int, tuple[float, ...]], ...] = ()
    terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Mixed:
    """What a mixer did at some `steps` of a training, counted from 1: the share that each task was to have, [step].

    `tokens` were trained on of each task until after each of these steps, [step]. `weights` are there where the tasks'
    losses were weighed. `dropped` are (step, task, reason): left out from that step on. `influence` is there where
    gradients were looked at: by held-out task, the cosine with the gradient of each task trained on, a mean over looks.
    """

    mixing: str
    steps: tuple[int, ...]
    shares: Mapping[str, tuple[float, ...]]
    tokens: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    dropped: tuple[tuple[int, str, str], ...] = ()
    influence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """One point of a learning curve: the dev losses of tasks after a fraction of the budget, in nats a token."""

    fraction: float
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Trial:
    """The outcome of one request: results per task and the cost, or the error that ended it.

    `source` names the study folder that a reused trial comes from; it is empty where the trial was trained. `balancing`
    is there where the tasks were not weighed equally, `mixed` where their shares changed on the way. `curve` has dev
    losses from before the end, where they were asked for; `reached` is the fraction of its budget after which it was
    stopped, 1 where it was not. A stopped trial has its curve in place of results.
    """

    request: Request
    results: Mapping[str, TaskResult] = field(default_factory=dict)
    exposure: Mapping[str, Exposure] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = ""
    train_loss: tuple[float, ...] = ()
    error: str | None = None
    source: str = ""
    balancing: Balancing | None = None
    mixed: Mixed | None = None
    curve: tuple[Point, ...] = ()
    reached: float = 1.0

    @property
    def tokens(self) -> int:
        """Training tokens of all tasks."""
        return sum(exposure.tokens for exposure in self.exposure.values())

    @property
    def is_finished(self) -> bool:
        """Whether it ended as it should: with scores, or stopped; a failed trial did not."""
        return self.error is None

    @property
    def is_full(self) -> bool:
        """Whether it finished with the whole budget: neither failed nor stopped nor asked for a part of it."""
        return self.is_finished and self.request.fidelity == 1 and self.reached == 1


@dataclass(frozen=True)
class Record:
    """One line of a journal: the numbered proposal and, once it ended, its trial."""

    number: int
    proposal: Proposal
    trial: Trial | None = None
    attempts: int = 0

    @property
    def request(self) -> Request:
        """The request that was proposed."""
        return self.proposal.request


@dataclass(frozen=True)
class Progress:
    """How far one step of the work on a request has come, for progress bars."""

    request: Request | None
    stage: str
    done: int
    total: int


@runtime_checkable
class Comparable(Protocol):
    """An evaluation that knows what makes its scores comparable; a journal refuses to mix different settings."""

    def settings(self) -> Mapping[str, object]:
        """Gives a JSON object of everything but the mixture and the seed that changes a score."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """An evaluation that may run several requests of a batch in the time of fewer."""

    def side_by_side(self) -> int:
        """Gives how many it runs at once at most; 1 if one after another."""
        ...


def side_by_side(evaluate: object) -> int:
    """Gives how many requests an evaluation runs at once at most; 1 if it does not say.

    >>> side_by_side(each(lambda request: {"a": 0.5}))
    1
    """
    return evaluate.side_by_side() if isinstance(evaluate, SideBySide) else 1


Evaluate: TypeAlias = Callable[[Sequence[Request]], Iterable[Trial]]
"""Runs a batch of requests and yields their trials in any order, as they finish."""


def each(function: Callable[[Request], Trial | Mapping[str, float]]) -> Evaluate:
    """Lifts a function of one request to an `Evaluate`; it returns a trial, or a mapping from task name to score.

    A higher score is better; figures are shown in points, hundredths of a score, as of a share in [0, 1].

    >>> evaluate = each(lambda request: {"a": 0.5})
    >>> [trial.results["a"].score for trial in evaluate([Request(Mixture.of(["a"]))])]
    [0.5]
    """

    def evaluate(requests: Sequence[Request]) -> Iterable[Trial]:
        for request in requests:
            outcome = function(request)
            if isinstance(outcome, Trial):
                yield outcome
            elif not isinstance(outcome, Mapping):
                raise TypeError(f"A request's outcome is a Trial or a mapping from dataset to score; got {outcome!r}.")
            else:
                yield Trial(request, {name: TaskResult(score) for name, score in outcome.items()})

    return evaluate
