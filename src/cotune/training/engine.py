"""The engine: one loaded model that runs requests, side by side where that is set or fits, else one by one."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from cotune.mixture import Mixture
from cotune.task import Split
from cotune.training.adapter import Adapter
from cotune.training.balance.gradient import BalancedGradient
from cotune.training.compiled import CompiledLayers
from cotune.training.curriculum.choice import timetable
from cotune.training.curriculum.lessons import Lessons
from cotune.training.device import device_of
from cotune.training.difficulty import Difficulty
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.guides import Guides
from cotune.training.loaded import Loaded, load
from cotune.training.lora import State, Trainee, adapted
from cotune.training.loss.made import StakesByTask
from cotune.training.memory import within_memory
from cotune.training.mix.gradient import MixedGradient
from cotune.training.mix.making import Shop
from cotune.training.mix.references import Beforehand
from cotune.training.mixing import Plan, exposed, plan
from cotune.training.quantize import within_reach
from cotune.training.ranks import Begin, End, Order, Ranks, Results, Sit, Train
from cotune.training.scoring import Exam, sit
from cotune.training.setup import Setup
from cotune.training.together.crew import Crew
from cotune.training.together.team import Kit
from cotune.training.together.width import most_of
from cotune.training.trainer import Trainer
from cotune.trial import Progress, Request, TaskResult, Trial

Report = Callable[[Progress], None]


class Engine:
    """A model in memory with all that trials share: tokens, states of frozen layers, exams."""

    def __init__(self, setup: Setup, report: Report, *, shared: Loaded | None = None) -> None:
        """Loads the model of `setup`, unless it is `shared` with another engine (see `under`).

        Raises:
            ValueError: the model cannot be loaded, or does not suit the settings.
        """
        if setup.train.threads is not None:
            torch.set_num_threads(setup.train.threads)
        setup = replace(setup, train=within_reach(setup.train, device_of(setup.train.device)))
        self.setup = setup
        self._loaded = shared or load(setup, report)
        self.model, self.encoder = self._loaded.model, self._loaded.encoder
        self._trunk, self._decoder = self._loaded.trunk, self._loaded.decoder
        self.ranks = Ranks(setup, size=setup.train.processes)
        self._report = report
        self._stakes = StakesByTask(setup.tasks, self.pool, self.encoder, setup.train)
        self._compiled = self._layers_to_compile()
        self._trainer = Trainer(
            setup,
            self.model,
            trunk=self._trunk,
            decoder=self._decoder,
            ranks=self.ranks,
            report=report,
            stakes=self._stakes,
            compiled=self._compiled,
        )
        shop = Shop(setup, self._decoder, self._trainer, self._adapted, self.plan, self._stakes)
        self._guides = Guides(shop, self.pool)
        self.difficulty = Difficulty(self._trainer, self._decoder)
        self._crew = Crew(self._kit(), self.run) if self._has_sides() else None

    def under(self, setup: Setup) -> "Engine":
        """Gives an engine that trains otherwise, on the same model, trunk and examples.

        Raises:
            ValueError: more than the budget, the size policy and how a step is taken is another.
        """
        shared = replace(setup, budget=self.setup.budget, size_policy=self.setup.size_policy, train=self.setup.train)
        lengths = [[each.train.length_of(task.name) for task in self.setup.tasks] for each in (setup, self.setup)]
        if shared != self.setup or lengths[0] != lengths[1]:
            raise ValueError("An engine shares its model with settings that differ in budget, size policy and train.")
        return Engine(setup, self._report, shared=self._loaded)

    @property
    def device(self) -> str:
        """Where and how it computes, for the record."""
        kind, precision = self.model.device.type, self.model.precision
        if kind == "cuda":
            return f"{torch.cuda.get_device_name(self.model.device)} ({precision})"
        return f"{kind} ({torch.get_num_threads()} threads, {precision})"

    def pool(self, names: Sequence[str]) -> dict[str, list[Example]]:
        """Gives the train examples of the tasks `names`."""
        return self._loaded.pool(self.setup, names)

    def plan(self, request: Request) -> Plan:
        """Gives what `request` trains on.

        Raises:
            TrialError: a task has no rows to train on.
        """
        setup, (pool, _) = self.setup, self._guides.rows(request.mixture.names)
        lessons = Lessons(timetable(setup.train.curriculum), frozenset(setup.targets), self.difficulty)
        return plan(request, pool, budget=setup.budget, policy=setup.size_policy, train=setup.train, lessons=lessons)

    def beforehand(self, request: Request, drawn: Plan) -> Beforehand:
        """Gives what has to be trained and read before `request` can train, for references or teachers."""
        return self._guides.beforehand(request, drawn)

    def exams(self, split: Split, count: int | None) -> list[Exam]:
        """Gives the exams on `count` rows of a split, the same for every trial."""
        return self._loaded.exams(self.setup, split, count)

    def run(self, request: Request) -> Trial:
        """Gives the trial of `request`; what goes wrong in it becomes its error."""
        started = time.perf_counter()
        try:
            return within_memory(lambda limit: self._trial(request, limit, started), PACK_TOKENS)
        except TrialError as error:
            return Trial(request, seconds=time.perf_counter() - started, device=self.device, error=str(error))

    def run_all(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Yields the trial of each request, in any order; those that train side by side when the last of them ends."""
        apart = [request for request in requests if self._crew is None or self._is_alone(request)]
        yield from map(self.run, apart)
        together = [request for request in requests if request not in apart]
        if self._crew is not None and together:
            yield from self._crew.run(together, self.plan, self.exams("dev", self.setup.scoring.dev_rows))

    def width(self) -> int:
        """Gives how many trials of all datasets run side by side; where that is automatic, a pass measures it once."""
        names = [task.name for task in self.setup.tasks if task.rows.get("train")]
        if self._crew is None or not names:
            return 1
        try:
            return self._crew.width(self.plan(Request(Mixture.of(names))))
        except TrialError:  # nothing to train on; trials will say so
            return 1

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

    def states(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives the mean last hidden state of each row's own prompt in the model as it is, [example, hidden].

        Raises:
            TrialError: it runs out of memory.
        """
        return within_memory(lambda limit: self._states(examples, limit), PACK_TOKENS)

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
                    self._trainer.learn(None, order.drawn, trainee, order.limit)
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
        with self._guides.guided(request, drawn, limit) as (trainee, guide):
            course = self._trainer.climb(request, drawn, trainee, limit, exams, guide)
            results = self._sit(request, exams, limit) if course.reached == 1 else {}
        device = f"{device}, compiled" if self._compiled.is_on else device
        taken = len(drawn.batches) if course.reached == 1 else len(course.losses)
        exposure = exposed(drawn, taken, self._guides.rows(request.mixture.names)[0])
        return Trial(
            request,
            results,
            guide.exposure if isinstance(guide, MixedGradient) else exposure,
            time.perf_counter() - started,
            device,
            course.losses,
            curve=course.curve,
            reached=course.reached,
            balancing=guide.balancing if isinstance(guide, BalancedGradient) else None,
            mixed=guide.mixed if isinstance(guide, MixedGradient) else None,
        )

    def _rehearse(self, request: Request, drawn: Plan, exams: Sequence[Exam], limit: int) -> tuple[float, float]:
        with self._guides.guided(request, drawn, limit, rehearsal=True) as (trainee, guide):
            started = time.perf_counter()  # an adapter is made once, however few steps are rehearsed
            self._trainer.learn(request, drawn, trainee, limit, guide)
            trained = time.perf_counter()
            self._sit(request, exams, limit)
        return trained - started, time.perf_counter() - trained

    def _adapter(self, request: Request, limit: int) -> Adapter:
        started = time.perf_counter()
        drawn = self.plan(request)
        with self._guides.guided(request, drawn, limit) as (trainee, guide):
            losses = self._trainer.train(request, drawn, trainee, limit, guide)
            seconds = time.perf_counter() - started
            exposure = guide.exposure if isinstance(guide, MixedGradient) else drawn.exposure
            balancing = guide.balancing if isinstance(guide, BalancedGradient) else None
            return Adapter(request, trainee.state(), exposure, losses, seconds, self.model, self.setup.lora, balancing)

    def _sit(self, request: Request | None, exams: Sequence[Exam], limit: int) -> Results:
        return self.ranks.sit(exams, limit, lambda mine: self._sit_alone(request, mine, limit))

    def _sit_alone(self, request: Request | None, exams: Sequence[Exam], limit: int) -> Results:
        results = {}
        for done, exam in enumerate(exams):
            self._trainer.encode(request, exam.read, pasts=exam.way == "generation", limit=limit)
            self._report(Progress(request, f"score {exam.task.name}", done, len(exams)))
            rows = self.setup.scoring.batch
            with self._compiled.standing_in():
                results[exam.task.name] = sit(exam, self._decoder, self.encoder, limit=limit, rows=rows)
        self._report(Progress(request, "score", len(exams), len(exams)))
        return results

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _states(self, examples: Sequence[Example], limit: int) -> torch.Tensor:
        self._trainer.encode(None, examples, pasts=False, limit=limit)
        read = [self._decoder.read_states(pack)[1] for pack in self._decoder.split(examples, limit)]
        return torch.cat(read).float().cpu()

    def _layers_to_compile(self) -> CompiledLayers:
        """Gives the trained layers with what is said of compiling them; by itself only where trials run alone on a GPU.

        On a CPU a trial is to repeat itself to the bit. Adapters side by side are not compiled: see docs/engine.md.
        """
        train, model = self.setup.train, self.model
        fits = model.device.type == "cuda" and self.setup.lora.dropout == 0 and not self._has_sides()
        mode = "off" if model.is_split or (train.compile == "auto" and not fits) else train.compile
        return CompiledLayers(model.layers[model.depth(self.setup.lora) :], mode, model.tolerance)

    def _is_alone(self, request: Request) -> bool:
        """Whether a request has no training, or one that may stop on its way."""
        return not request.mixture.names or request.stop is not None

    def _has_sides(self) -> bool:
        """Whether trials can run side by side: the settings allow it, on a whole model that takes the fast path."""
        is_fit = not self.model.is_split and isinstance(self._decoder, ForestDecoder)
        has_room = most_of(self.setup.train.width, self.model.device) > 1
        return is_fit and has_room and not self.setup.runs_alone

    def _kit(self) -> Kit:
        def encode(request: Request, examples: Sequence[Example], pasts: bool) -> None:
            self._trainer.encode(request, examples, pasts=pasts)

        return Kit(self.setup, self.model, self.encoder, self._trunk, self.device, encode, self._report)
