"""The engine: one loaded model that runs requests one after another."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from cotune.task import Split
from cotune.training.adapter import Adapter
from cotune.training.choice import choose_decoder, trunk_of
from cotune.training.climb import climb
from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.exams import exams_of
from cotune.training.forest import leaf
from cotune.training.halted import Halted
from cotune.training.loop import Descent
from cotune.training.lora import Trainee, adapted, targets
from cotune.training.memory import within_memory
from cotune.training.mixing import Plan, exposed, plan
from cotune.training.model import load_model
from cotune.training.rungs import Course, gold_of, looked_at, read_losses, rungs
from cotune.training.scoring import LONGEST_OUTPUT, Exam, sit
from cotune.training.setup import Setup
from cotune.trial import Progress, Request, TaskResult, Trial

PACK_TOKENS = 512

Report = Callable[[Progress], None]


class Engine:
    """A model in memory with all that trials share: tokens, states of frozen layers, exams."""

    def __init__(self, setup: Setup, report: Report) -> None:
        """Loads the model of `setup`.

        Raises:
            ValueError: the model cannot be loaded, or does not suit the settings.
        """
        if setup.train.threads is not None:
            torch.set_num_threads(setup.train.threads)
        self.setup = setup
        self.model = load_model(setup.model, train=setup.train, lora=setup.lora, progress=report)
        if setup.lora.method == "lora":
            targets(self.model, setup.lora)  # a wrong name of a module shows before the first trial
        self.encoder = Encoder(self.model.tokenizer, style=setup.train.prompt_style)
        longest = max(setup.train.length_of(task.name) for task in setup.tasks)
        longest += setup.scoring.max_new_tokens or LONGEST_OUTPUT
        _check_length(self.model.module.config.get_text_config().to_dict(), longest)
        self._trunk = trunk_of(self.model, self.model.depth(setup.lora), cache=setup.cache)
        self._decoder = choose_decoder(self.model, self._trunk, longest=longest)
        self._report = report
        self._pool: dict[str, list[Example]] = {}
        self._exams: dict[tuple[Split, int | None], list[Exam]] = {}
        self._halted = Halted()

    @property
    def device(self) -> str:
        """Where and how it computes, for the record."""
        kind, dtype = self.model.device.type, str(self.model.dtype).removeprefix("torch.")
        if kind == "cuda":
            return f"{torch.cuda.get_device_name(self.model.device)} ({dtype})"
        return f"{kind} ({torch.get_num_threads()} threads, {dtype})"

    def pool(self, names: Sequence[str]) -> dict[str, list[Example]]:
        """Gives the train examples of the tasks `names`."""
        for name in names:
            if name not in self._pool:
                task = self.setup.task(name)
                rows = list(task.rows.get("train", ()))
                self._pool[name] = self.encoder.examples(task, rows, max_length=self.setup.train.length_of(name))
        return {name: self._pool[name] for name in names}

    def plan(self, request: Request) -> Plan:
        """Gives what `request` trains on.

        Raises:
            TrialError: a task has no rows to train on.
        """
        setup, pool = self.setup, self.pool(request.mixture.names)
        return plan(request, pool, budget=setup.budget, policy=setup.size_policy, train=setup.train)

    def exams(self, split: Split, count: int | None) -> list[Exam]:
        """Gives the exams on `count` rows of a split, the same for every trial."""
        if (split, count) not in self._exams:
            self._exams[split, count] = exams_of(self.setup, self.encoder, split, count=count)
        return self._exams[split, count]

    def run(self, request: Request) -> Trial:
        """Gives the trial of `request`; what goes wrong in it becomes its error."""
        started = time.perf_counter()
        try:
            return within_memory(lambda limit: self._trial(request, limit, started), PACK_TOKENS)
        except TrialError as error:
            return Trial(request, seconds=time.perf_counter() - started, device=self.device, error=str(error))

    def fit(self, request: Request) -> Adapter:
        """Gives the adapter that `request` trains.

        Raises:
            TrialError: it diverges, runs out of memory or has nothing to train on.
        """
        return within_memory(lambda limit: self._adapter(request, limit), PACK_TOKENS)

    def score(self, adapter: Adapter | None, split: Split, count: int | None) -> dict[str, TaskResult]:
        """Gives the results of a trained adapter, or of the model as it is, on `count` rows of each task (None: all).

        Raises:
            TrialError: a loss is not finite, or it runs out of memory.
        """
        exams = self.exams(split, count)
        if adapter is None:
            return within_memory(lambda limit: self._sit(None, exams, limit), PACK_TOKENS)
        with adapted(self.model, self.setup.lora, seed=0, state=adapter.state):
            return within_memory(lambda limit: self._sit(adapter.request, exams, limit), PACK_TOKENS)

    def rehearse(self, request: Request, drawn: Plan, exams: Sequence[Exam]) -> tuple[float, float]:
        """Gives the seconds that training `request` on `drawn` and scoring `exams` take, with no trial to show for it.

        Raises:
            TrialError: it diverges or runs out of memory.
        """
        return within_memory(lambda limit: self._rehearse(request, drawn, exams, limit), PACK_TOKENS)

    def _trial(self, request: Request, limit: int, started: float) -> Trial:
        exams = self.exams("dev", self.setup.scoring.dev_rows)
        device = self.device if limit == PACK_TOKENS else f"{self.device}, packs of {limit} tokens to save memory"
        if not request.mixture.names:
            results = self._sit(request, exams, limit)
            return Trial(request, results, seconds=time.perf_counter() - started, device=device)
        drawn = self.plan(request)
        with adapted(self.model, self.setup.lora, seed=request.seed) as trainee:
            course = self._climb(request, drawn, trainee, limit, exams)
            results = self._sit(request, exams, limit) if course.reached == 1 else {}
        exposure = exposed(drawn, len(course.losses), self.pool(request.mixture.names))
        return Trial(
            request,
            results,
            exposure,
            time.perf_counter() - started,
            device,
            course.losses,
            curve=course.curve,
            reached=course.reached,
        )

    def _rehearse(self, request: Request, drawn: Plan, exams: Sequence[Exam], limit: int) -> tuple[float, float]:
        started = time.perf_counter()
        with adapted(self.model, self.setup.lora, seed=0) as trainee:
            self._train(request, drawn, trainee, limit)
            trained = time.perf_counter()
            self._sit(request, exams, limit)
        return trained - started, time.perf_counter() - trained

    def _adapter(self, request: Request, limit: int) -> Adapter:
        started = time.perf_counter()
        drawn = self.plan(request)
        with adapted(self.model, self.setup.lora, seed=request.seed) as trainee:
            losses = self._train(request, drawn, trainee, limit)
            seconds = time.perf_counter() - started
            return Adapter(request, trainee.state(), drawn.exposure, losses, seconds, self.model, self.setup.lora)

    def _train(self, request: Request, drawn: Plan, trainee: Trainee, limit: int) -> tuple[float, ...]:
        descent = self._descent(request, drawn, trainee, limit)
        descent.advance(len(drawn.batches))
        return tuple(descent.losses)

    def _descent(self, request: Request, drawn: Plan, trainee: Trainee, limit: int) -> Descent:
        self._encode(request, drawn.examples, pasts=False)
        return Descent(
            self._decoder,
            trainee.parameters,
            drawn.batches,
            train=self.setup.train,
            pack_tokens=limit,
            progress=self._stage(request, "train"),
        )

    def _climb(self, request: Request, drawn: Plan, trainee: Trainee, limit: int, exams: Sequence[Exam]) -> Course:
        points = self.setup.scoring.curve
        seen = looked_at(exams, request, points)

        def look() -> dict[str, float]:
            for exam in seen:
                self._encode(request, gold_of(exam), pasts=False)
            return read_losses(seen, self._decoder, limit=limit)

        marks = rungs(request, len(drawn.batches), points)
        return climb(request, self._descent(request, drawn, trainee, limit), trainee, marks, look, self._halted)

    def _sit(self, request: Request | None, exams: Sequence[Exam], limit: int) -> dict[str, TaskResult]:
        results = {}
        for done, exam in enumerate(exams):
            self._encode(request, exam.read, pasts=exam.way == "generation")
            self._report(Progress(request, f"score {exam.task.name}", done, len(exams)))
            rows = self.setup.scoring.batch
            results[exam.task.name] = sit(exam, self._decoder, self.encoder, limit=limit, rows=rows)
        self._report(Progress(request, "score", len(exams), len(exams)))
        return results

    def _encode(self, request: Request | None, examples: Sequence[Example], *, pasts: bool) -> None:
        if self._trunk is not None and self._decoder.uses_trunk:
            nodes = (node for example in examples for node in leaf(example).line)
            self._trunk.prepare(nodes, pasts=pasts, progress=self._stage(request, "encode"))

    def _stage(self, request: Request | None, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._report(Progress(request, stage, done, total))


def _check_length(config: Mapping[str, object], longest: int) -> None:
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and longest > positions:
        raise ValueError(
            f"The model reads {positions} tokens; a prompt and an output need {longest}. Lower train.max_length."
        )
