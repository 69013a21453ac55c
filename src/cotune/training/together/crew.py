"""The crew: splits a batch of requests into teams that fit into memory."""

import gc
import math
import warnings
from collections.abc import Callable, Iterator, Sequence

import torch

from cotune.training.choice import TOLERANCE, UNFIT, probe_of
from cotune.training.errors import TrialError
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import weighted_losses
from cotune.training.memory import is_out_of_memory
from cotune.training.mixing import Plan
from cotune.training.scoring import Exam
from cotune.training.together.decoder import LOGITS_BYTES, PASTS_BYTES, StackDecoder
from cotune.training.together.loop import packs_of
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Layout, stacked, start_of
from cotune.training.together.team import PACK_TOKENS, Kit, run_team
from cotune.training.together.width import COPIES, free_bytes, pass_bytes, widest
from cotune.trial import Request, Trial

MOST = {"cuda": 64, "cpu": 1}
"""The most trials of an automatic width; see docs/engine.md for what was measured."""


class Crew:
    """Runs requests side by side, as many as `train.width` says or as fit; `alone` runs one by itself."""

    def __init__(self, kit: Kit, alone: Callable[[Request], Trial]) -> None:
        self._kit = kit
        self._alone = alone
        self._most: int | None = None

    def run(
        self, requests: Sequence[Request], plan: Callable[[Request], Plan], exams: Sequence[Exam]
    ) -> Iterator[Trial]:
        """Yields a trial for each of `requests`, those of a team when it ends.

        Long ones come first and with their like, so that few seats are empty. A team that runs out of memory starts
        again in halves, and later teams are no larger than these.
        """
        plans: dict[int, Plan] = {}
        for number, request in enumerate(requests):
            try:
                plans[number] = plan(request)
            except TrialError:
                yield self._alone(request)
        waiting = sorted(plans, key=lambda number: len(plans[number].batches), reverse=True)
        while waiting:
            team = waiting[: self._size(waiting, plans)]
            trials = self._try([requests[number] for number in team], [plans[number] for number in team], exams)
            if trials is None:
                self._most = max(len(team) // 2, 1)
                continue
            yield from trials
            waiting = waiting[len(team) :]

    def _size(self, waiting: Sequence[int], plans: dict[int, Plan]) -> int:
        """Gives the size of the next team; teams are about equally large."""
        if self._most is None:
            self._most = self._width(plans[waiting[0]]) if len(waiting) > 1 else None
        return math.ceil(len(waiting) / math.ceil(len(waiting) / (self._most or 1)))

    def _try(self, requests: list[Request], plans: list[Plan], exams: Sequence[Exam]) -> list[Trial] | None:
        """Gives the trials of a team, None if memory ran out."""
        if len(requests) == 1:
            return [self._alone(requests[0])]
        try:
            return run_team(self._kit, requests, plans, exams)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        gc.collect()  # outside of the handler, where the error's frames no longer hold tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _width(self, plan: Plan) -> int:
        """Gives how many trials like `plan` may run side by side: as set, or measured with a step of it."""
        wanted = self._kit.setup.train.width
        most = MOST.get(self._kit.model.device.type, 1) if wanted == "auto" else int(wanted)
        if most == 1:
            return 1
        reason = misfit(self._kit)
        if reason is not None:
            warnings.warn(f"Trials run one after another: side by side {reason}.", stacklevel=2)
            return 1
        return self._measured(plan, most) if wanted == "auto" else most

    def _measured(self, plan: Plan, most: int) -> int:
        kit = self._kit
        start = start_of(kit.model, kit.setup.lora, 0)
        layout = Layout.of(start.state)
        table = layout.row(start.state)[None].to(kit.model.device)
        packs = [pack for batch in plan.batches for pack in packs_of(batch, PACK_TOKENS)]
        pack = max(packs, key=lambda pack: sum(example.tokens for example in pack))
        try:
            with stacked(kit.model, kit.setup.lora, layout, table) as stack:
                stack.train(Dice(kit.model.device, [start.generator]))
                decoder = StackDecoder(kit.model, kit.trunk, stack)
                activations = pass_bytes(
                    kit.model.device, lambda: weighted_losses(decoder.logits([0], [pack]), pack, kit.setup.train).sum()
                )
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return 1
        trial = activations + COPIES * table.nbytes
        aside = 2 * LOGITS_BYTES + PASTS_BYTES
        return widest(free=free_bytes(kit.model.device), aside=aside, trial=trial, most=most)


def misfit(kit: Kit) -> str | None:
    """Gives why a model cannot run adapters side by side, None if it can: a pass of two is compared with one alone."""
    lora = kit.setup.lora
    start = start_of(kit.model, lora, 0)
    layout = Layout.of(start.state)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(2, layout.columns, generator=generator).mul_(0.1).to(kit.model.device)
    examples = probe_of(kit.model)
    try:
        with torch.no_grad():
            with stacked(kit.model, lora, layout, table) as stack:
                decoder = StackDecoder(kit.model, kit.trunk, stack)
                both = decoder.logits([0, 1], [examples, examples[:1]])
            with adapted(kit.model, lora, seed=0, state=layout.state(table[1])) as trainee:
                trainee.train(False)
                one = ForestDecoder(kit.model, kit.trunk).logits(examples[:1])
    except UNFIT as error:
        return f"this model fails ({type(error).__name__}: {str(error)[:80]})"
    error_size = float((both[-len(one) :] - one).abs().max() / one.abs().max().clamp(min=1))
    return None if error_size <= TOLERANCE[kit.model.dtype] else f"its outputs would differ by {error_size:.1e}"
