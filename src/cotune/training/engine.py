"""The engine: one loaded model that runs requests, side by side where that is set or fits, else one by one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from cotune.task import Split
from cotune.training.adapter import Adapter
from cotune.training.checkpoint import checkpointed
from cotune.training.choice import choose_decoder, trunk_of
from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.exams import exams_of
from cotune.training.forest import leaf
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import fit, share_of
from cotune.training.lora import State, Trainee, adapted, targets
from cotune.training.memory import within_memory
from cotune.training.mixing import Plan, plan
from cotune.training.model import device_of, load_model
from cotune.training.quantize import within_reach
from cotune.training.ranks import Begin, End, Order, Ranks, Results, Sit, Train
from cotune.training.scoring import LONGEST_OUTPUT, Exam, sit
from cotune.training.setup import Setup
from cotune.training.together.crew import Crew, most_of
from cotune.training.together.team import PACK_TOKENS, Kit
from cotune.training.worth import is_worth
from cotune.trial import Progress, Request, TaskResult, Trial

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
        setup = replace(setup, train=within_reach(setup.train, device_of(setup.train.device)))
        self.setup = setup
        self.model = load_model(setup.model, train=setup.train, lora=setup.lora, progress=report)
        if setup.lora.method == "lora":
            targets(self.model, setup.lora)  # a wrong name of a module shows before the first trial
        self.encoder = Encoder(self.model.tokenizer, style=setup.train.prompt_style)
        longest = max(setup.train.length_of(task.name) for task in setup.tasks)
        longest += setup.scoring.max_new_tokens or LONGEST_OUTPUT
        _check_length(self.model.module.config.get_text_config().to_dict(), longest)
        is_kept = is_worth(setup, self.model, self.encoder)
        self._trunk = trunk_of(self.model, self.model.depth(setup.lora) if is_kept else 0, cache=setup.cache)
        self._decoder = choose_decoder(self.model, self._trunk, longest=longest)
        self.ranks = Ranks(setup, size=setup.train.processes)
        self._report = report
        self._pool: dict[str, list[Example]] = {}
        self._exams: dict[tuple[Split, int | None], list[Exam]] = {}
        self._crew = Crew(self._kit(), self.run) if self._has_sides() else None

    @property
    def device(self) -> str:
        """Where and how it computes, for the record."""
        kind, precision = self.model.device.type, self.model.precision
        if kind == "cuda":
            return f"{torch.cuda.get_device_name(self.model.device)} ({precision})"
        return f"{kind} ({torch.get_num_threads()} threads, {precision})"

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

    def run_all(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Yields the trial of each request, in any order; those that train side by side when the last of them ends."""
        apart = [request for request in requests if self._crew is None or not request.mixture.names]
        yield from map(self.run, apart)
        together = [request for request in requests if request not in apart]
        if self._crew is not None and together:
            yield from self._crew.run(together, self.plan, self.exams("dev", self.setup.scoring.dev_rows))

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
        with self._adapted(seed=0, state=adapter.state):
            return within_memory(lambda limit: self._sit(adapter.request, exams, limit), PACK_TOKENS)

    def rehearse(self, request: Request, drawn: Plan, exams: Sequence[Exam]) -> tuple[float, float]:
        """Gives the seconds that training `request` on `drawn` and scoring `exams` take, with no trial to show for it.

        Raises:
            TrialError: it diverges or runs out of memory.
        """
        return within_memory(lambda limit: self._rehearse(request, drawn, exams, limit), PACK_TOKENS)

    def follow(self, orders: "Connection[Results, Order]") -> None:
        """Carries out the orders for one trial, or for one scoring, of an engine that leads.

        Raises:
            EOFError: the engine is gone.
        """
        order = orders.recv()
        if isinstance(order, Sit):
            orders.send(self._sit(None, order.exams, order.limit))
        if not isinstance(order, Begin):
            return
        with self._adapted(seed=order.seed, state=order.state) as trainee:
            while not isinstance(order := orders.recv(), End):
                if isinstance(order, Train):
                    self._train(None, order.drawn, trainee, order.limit)
                elif isinstance(order, Sit):
                    orders.send(self._sit(None, order.exams, order.limit))

    @contextmanager
    def _adapted(self, *, seed: int, state: State | None = None) -> Iterator[Trainee]:
        with (
            self.ranks.trial(Begin(seed, state)),
            adapted(self.model, self.setup.lora, seed=seed, state=state) as trainee,
        ):
            yield trainee

    def _trial(self, request: Request, limit: int, started: float) -> Trial:
        exams = self.exams("dev", self.setup.scoring.dev_rows)
        device = self.device if limit == PACK_TOKENS else f"{self.device}, packs of {limit} tokens to save memory"
        if not request.mixture.names:
            results = self._sit(request, exams, limit)
            return Trial(request, results, seconds=time.perf_counter() - started, device=device)
        drawn = self.plan(request)
        with self._adapted(seed=request.seed) as trainee:
            losses = self._train(request, drawn, trainee, limit)
            results = self._sit(request, exams, limit)
        return Trial(request, results, drawn.exposure, time.perf_counter() - started, device, losses)

    def _rehearse(self, request: Request, drawn: Plan, exams: Sequence[Exam], limit: int) -> tuple[float, float]:
        started = time.perf_counter()
        with self._adapted(seed=0) as trainee:
            self._train(request, drawn, trainee, limit)
            trained = time.perf_counter()
            self._sit(request, exams, limit)
        return trained - started, time.perf_counter() - trained

    def _adapter(self, request: Request, limit: int) -> Adapter:
        started = time.perf_counter()
        drawn = self.plan(request)
        with self._adapted(seed=request.seed) as trainee:
            losses = self._train(request, drawn, trainee, limit)
            seconds = time.perf_counter() - started
            return Adapter(request, trainee.state(), drawn.exposure, losses, seconds, self.model, self.setup.lora)

    def _train(self, request: Request | None, drawn: Plan, trainee: Trainee, limit: int) -> tuple[float, ...]:
        self.ranks.tell(Train(drawn, limit))
        rank = self.ranks.own
        mine = [pack for batch in drawn.batches for pack in share_of(self._decoder, batch, limit, rank)]
        self._encode(request, [e for pack in mine for e in pack], pasts=False, share=limit / PACK_TOKENS)
        trained = self.model.layers[self.model.depth(self.setup.lora) :]
        trainee.train(True)
        with checkpointed(trained if self.setup.train.gradient_checkpointing else ()):
            losses = fit(
                self._decoder,
                trainee.parameters,
                drawn.batches,
                train=self.setup.train,
                pack_tokens=limit,
                progress=self._stage(request, "train"),
                rank=rank,
            )
        trainee.train(False)
        return losses

    def _sit(self, request: Request | None, exams: Sequence[Exam], limit: int) -> Results:
        return self.ranks.sit(exams, limit, lambda mine: self._sit_alone(request, mine, limit))

    def _sit_alone(self, request: Request | None, exams: Sequence[Exam], limit: int) -> Results:
        results = {}
        for done, exam in enumerate(exams):
            self._encode(request, exam.read, pasts=exam.way == "generation", share=limit / PACK_TOKENS)
            self._report(Progress(request, f"score {exam.task.name}", done, len(exams)))
            rows = self.setup.scoring.batch
            results[exam.task.name] = sit(exam, self._decoder, self.encoder, limit=limit, rows=rows)
        self._report(Progress(request, "score", len(exams), len(exams)))
        return results

    def _encode(self, request: Request | None, examples: Sequence[Example], *, pasts: bool, share: float) -> None:
        if self._trunk is not None and self._decoder.uses_trunk:
            self._trunk.confine(share)
            nodes = (node for example in examples for node in leaf(example).line)
            self._trunk.prepare(nodes, pasts=pasts, progress=self._stage(request, "encode"))

    def _has_sides(self) -> bool:
        """Whether trials can run side by side: adapters, on a whole model in one process that takes the fast path."""
        train = self.setup.train
        is_plain = train.processes == 1 and not train.gradient_checkpointing and not self.model.is_split
        is_fit = self.setup.lora.method == "lora" and isinstance(self._decoder, ForestDecoder)
        return is_plain and is_fit and most_of(train.width, self.model.device) > 1

    def _kit(self) -> Kit:
        def encode(request: Request, examples: Sequence[Example], pasts: bool) -> None:
            self._encode(request, examples, pasts=pasts, share=1.0)

        return Kit(self.setup, self.model, self.encoder, self._trunk, self.device, encode, self._report)

    def _stage(self, request: Request | None, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._report(Progress(request, stage, done, total))


def _check_length(config: Mapping[str, object], longest: int) -> None:
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and longest > positions:
        raise ValueError(
            f"The model reads {positions} tokens; a prompt and an output need {longest}. Lower train.max_length."
        )
