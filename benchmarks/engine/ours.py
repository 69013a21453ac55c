"""Our engine as a contestant: one trial after the other, with the trunk or without, or many at once."""

import time
from dataclasses import replace
from hashlib import sha256

from benchmarks.engine.flops import Weights
from benchmarks.engine.outcome import Outcome, Ran, batch_means
from benchmarks.engine.prepared import setup_of
from benchmarks.engine.work import Work
from cotune import Request
from cotune.task import Split
from cotune.training import FineTune
from cotune.training.engine import Engine
from cotune.training.lora import State, adapted
from cotune.training.scoring import Exam
from cotune.trial import Progress, Trial


class LossEngine(Engine):
    """An engine that scores all tasks by their loss."""

    @property
    def is_cut(self) -> bool:
        """Whether the frozen layers' states come from a trunk."""
        return self._decoder.uses_trunk

    def exams(self, split: Split, count: int | None) -> list[Exam]:
        """Gives the exams, all by loss."""
        return [replace(exam, way="loss") for exam in super().exams(split, count)]


class Stages:
    """When the stages of each request began, and when its first step had ended."""

    def __init__(self) -> None:
        self.first_step: dict[Request, float] = {}
        self.scoring: dict[Request, float] = {}

    def __call__(self, told: Progress) -> None:
        """Takes down the time."""
        if told.request is None:
            return
        if told.stage == "train" and told.done == 1:
            self.first_step.setdefault(told.request, time.perf_counter())
        if told.stage == "train" and told.done == told.total:
            self.scoring.setdefault(told.request, time.perf_counter())


class LossFineTune(FineTune):
    """Our evaluation, with an engine that scores by loss."""

    def __init__(self, work: Work, stages: Stages, *, trunk: bool, together: bool) -> None:
        """Loads the model."""
        setup = setup_of(work)
        kept = "on" if trunk and setup.lora.top else "off"  # with all layers adapted there is nothing to keep
        train = replace(setup.train, width=work.width if together else 1, trunk=kept)
        super().__init__(
            setup.model,
            setup.tasks,
            targets=setup.targets,
            budget=setup.budget,
            lora=setup.lora,
            train=train,
            scoring=setup.scoring,
        )
        self._loaded = LossEngine(self.setup, stages)

    @property
    def engine(self) -> LossEngine:
        """The loaded model."""
        return self._loaded


def run(work: Work, places: list[int], *, trunk: bool, together: bool = False) -> Outcome:
    """Runs the requests at `places`, everything being timed; the first trial's time has the loading of the model."""
    started, stages = time.perf_counter(), Stages()
    evaluate = LossFineTune(work, stages, trunk=trunk, together=together)
    marks, trials = [started], []
    for trial in evaluate([work.requests[place] for place in places]):
        marks.append(time.perf_counter())
        trials.append(trial)
    seconds = marks[-1] - started
    failed = [trial.error for trial in trials if trial.error]
    if failed:
        raise ValueError(f"{len(failed)} trials failed: {failed[0]}")
    ran = _ran(work, evaluate.engine, trials, None if together else marks, stages)
    return Outcome(tuple(ran), seconds, evaluate.engine.device, _flops(work, evaluate.engine, trials))


def digest(state: State) -> str:
    """Gives a short digest of the factors of an adapter, in whatever order they come."""
    content = sorted(state[name].float().cpu().numpy().tobytes() for name in state)
    return sha256(b"".join(content)).hexdigest()[:12]


def _ran(work: Work, engine: LossEngine, trials: list[Trial], marks: list[float] | None, stages: Stages) -> list[Ran]:
    with adapted(engine.model, work.lora, seed=work.seed) as trainee:
        start = digest(trainee.state())
    ran = []
    for index, trial in enumerate(trials):
        begun = marks[index] if marks else None
        ran.append(
            Ran(
                work.requests.index(trial.request),
                marks[index + 1] - marks[index] if marks else None,
                stages.scoring[trial.request] - begun if begun is not None else None,
                stages.first_step[trial.request] - begun if begun is not None else None,
                trial.tokens,
                sum(exam_tokens(engine, work)),
                _loss(trial, work.batch),
                start,
            )
        )
    return ran


def exam_tokens(engine: LossEngine, work: Work) -> list[int]:
    """Gives the tokens of each dev row."""
    return [example.tokens for exam in engine.exams("dev", work.scoring.dev_rows) for example in exam.examples]


def _loss(trial: Trial, batch: int) -> float:
    read = [result.examples for result in trial.results.values()]
    losses = [loss for examples in read for loss in examples.losses]
    return batch_means(losses, [count for examples in read for count in examples.answer_tokens], batch)


def _flops(work: Work, engine: LossEngine, trials: list[Trial]) -> float:
    answers = sum(len(row.answer) for trial in trials for row in engine.plan(trial.request).examples)
    scored = sum(count for trial in trials for each in trial.results.values() for count in each.examples.answer_tokens)
    return Weights.of(engine.model, work.lora).flops(
        trained=sum(trial.tokens for trial in trials),
        scored=len(trials) * sum(exam_tokens(engine, work)),
        trained_answers=answers,
        scored_answers=scored,
        cut=engine.is_cut,
    )
