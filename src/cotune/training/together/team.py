"""A team: trials that train side by side on one model and are then scored together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.mixing import Plan
from cotune.training.model import LanguageModel
from cotune.training.scoring import Exam
from cotune.training.setup import Setup
from cotune.training.together.decoder import StackDecoder
from cotune.training.together.loop import Course, fit
from cotune.training.together.scoring import sit
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Layout, stacked, start_of
from cotune.training.trunk import Trunk
from cotune.trial import Progress, Request, TaskResult, Trial


@dataclass(frozen=True)
class Kit:
    """What an engine lends to its teams; `encode` makes the trunk ready for examples, `tell` shows progress."""

    setup: Setup
    model: LanguageModel
    encoder: Encoder
    trunk: Trunk | None
    device: str
    encode: Callable[[Request, Sequence[Example], bool], None]
    tell: Callable[[Progress], None]


@dataclass
class Member:
    """One request of a team with its way through it; `seconds` is its share of the team's time."""

    request: Request
    course: Course
    seconds: float = 0.0
    results: dict[str, TaskResult] = field(default_factory=dict)
    error: str | None = None

    def trial(self, device: str) -> Trial:
        """Gives its trial."""
        if self.error is not None:
            return Trial(self.request, seconds=self.seconds, device=device, error=self.error)
        exposure, losses = self.course.plan.exposure, tuple(self.course.losses)
        return Trial(self.request, self.results, exposure, self.seconds, device, losses)


class Watch:
    """Shares out the time since it was last read."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def share(self, members: Sequence[Member]) -> None:
        """Adds an equal share to each of `members`."""
        now = time.perf_counter()
        for member in members:
            member.seconds += (now - self._last) / len(members)
        self._last = now


def run_team(kit: Kit, requests: Sequence[Request], plans: Sequence[Plan], exams: Sequence[Exam]) -> list[Trial]:
    """Gives the trials of `requests`, which train on `plans`, each what it would be alone.

    Raises:
        RuntimeError: memory ran out, among others.
    """
    watch = Watch()
    members = [
        Member(request, Course(plan, plan.under(kit.setup.train)))
        for request, plan in zip(requests, plans, strict=True)
    ]
    for member in members:  # who takes part is told at once, for a worker's time-out
        kit.tell(Progress(member.request, _stage(members), 0, member.course.steps))
    for member in members:
        kit.encode(member.request, member.course.plan.examples, False)
    layout = _train(kit, members, watch)
    for member in members:
        member.error = member.course.error
    _score(kit, layout, [member for member in members if member.error is None], exams)
    watch.share(members)
    return [member.trial(f"{kit.device}, {len(members)} side by side") for member in members]


def _train(kit: Kit, members: Sequence[Member], watch: Watch) -> Layout:
    """Trains all members and gives the layout of their factors."""
    lora = kit.setup.lora
    starts = [start_of(kit.model, lora, member.request.seed) for member in members]
    layout = Layout.of(starts[0].state)
    table = torch.stack([layout.row(start.state) for start in starts]).to(kit.model.device)
    dice = Dice(kit.model.device, [start.generator for start in starts])
    lead = max(members, key=lambda member: member.course.steps)
    now: list[Member] = list(members)

    def tell(step: int, live: Sequence[int]) -> None:
        watch.share(now)
        now[:] = [members[index] for index in live]
        kit.tell(Progress(lead.request, _stage(now), step, lead.course.steps))

    with stacked(kit.model, lora, layout, table) as stack:
        fit(
            StackDecoder(kit.model, kit.trunk, stack),
            stack,
            [member.course for member in members],
            dice,
            train=kit.setup.train,
            pack_tokens=PACK_TOKENS,
            tell=tell,
        )
    watch.share(now)
    kit.tell(Progress(lead.request, "train", lead.course.steps, lead.course.steps))
    return layout


def _score(kit: Kit, layout: Layout, members: Sequence[Member], exams: Sequence[Exam]) -> None:
    rows = [member.course.row for member in members if member.course.row is not None]
    if not rows:
        return
    lead = members[0].request
    with stacked(kit.model, kit.setup.lora, layout, torch.stack(rows)) as stack:
        decoder = StackDecoder(kit.model, kit.trunk, stack)
        for done, exam in enumerate(exams):
            kit.encode(lead, exam.read, exam.way == "generation")
            kit.tell(Progress(lead, f"score {exam.task.name}", done, len(exams)))
            outcomes = sit(exam, decoder, kit.encoder, limit=PACK_TOKENS, rows=kit.setup.scoring.batch)
            for member, outcome in zip(members, outcomes, strict=True):
                _take(member, exam.task.name, outcome)
    kit.tell(Progress(lead, "score", len(exams), len(exams)))


def _take(member: Member, name: str, outcome: TaskResult | TrialError) -> None:
    if isinstance(outcome, TaskResult):
        member.results[name] = outcome
    else:
        member.error = member.error or str(outcome)


def _stage(members: Sequence[Member]) -> str:
    return "train" if len(members) == 1 else f"train {len(members)} at once"
