"""The crew: splits a batch of requests into teams that fit into memory."""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from cotune.training.choice import probe_of
from cotune.training.errors import UNFIT, TrialError
from cotune.training.forest import PACK_TOKENS, tokens_of
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import weighted_losses
from cotune.training.memory import free, is_out_of_memory
from cotune.training.mixing import Plan
from cotune.training.scoring import Exam
from cotune.training.together.decoder import LOGITS_BYTES, PASTS_BYTES, StackDecoder
from cotune.training.together.loop import packs_of
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Layout, stacked, start_of
from cotune.training.together.team import Kit, run_team
from cotune.training.together.width import COPIES, free_bytes, most_of, pass_bytes, widest
from cotune.trial import Request, Trial


class Crew:
    """Runs requests side by side, as many as `train.width` says or as fit; `alone` runs one by itself."""

    def __init__(self, kit: Kit, alone: Callable[[Request], Trial]) -> None:
        self._kit = kit
        self._alone = alone
        self._width: int | None = None

    def width(self, plan: Plan) -> int:
        """Gives how many trials like `plan` run side by side; it is found out once."""
        if self._width is None:
            self._width = width_for(self._kit, plan)
        return self._width

    def run(
        self, requests: Sequence[Request], plan: Callable[[Request], Plan], exams: Sequence[Exam]
    ) -> Iterator[Trial]:
        """Yields a trial for each of `requests`, those of a team when it ends.

        Long ones come first and with their like, so that few seats are empty. A team that runs out of memory starts
        again in halves, and later teams are no larger than these.
        """
        plans: dict[Request, Plan] = {}
        count = Counter(requests)  # who asks twice gets two trials
        for request in count:
            try:
                plans[request] = plan(request)
            except TrialError:
                yield from [self._alone(request)] * count[request]
        waiting = sorted(plans, key=lambda request: len(plans[request].batches), reverse=True)
        while waiting:
            team = waiting[: self._size(waiting, plans)]
            trials = self._try(team, [plans[request] for request in team], exams)
            if trials is None:
                self._width = max(len(team) // 2, 1)
                continue
            yield from (trial for trial in trials for _ in range(count[trial.request]))
            waiting = waiting[len(team) :]

    def _size(self, waiting: Sequence[Request], plans: Mapping[Request, Plan]) -> int:
        """Gives the size of the next team; teams are about equally large."""
        if len(waiting) == 1:
            return 1
        return math.ceil(len(waiting) / math.ceil(len(waiting) / self.width(plans[waiting[0]])))

    def _try(self, requests: Sequence[Request], plans: Sequence[Plan], exams: Sequence[Exam]) -> list[Trial] | None:
        """Gives the trials of a team, None if memory ran out."""
        if len(requests) == 1:
            return [self._alone(requests[0])]
        try:
            return run_team(self._kit, requests, plans, exams)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        free()  # outside of the handler, where the error's frames no longer hold tensors
        return None


def width_for(kit: Kit, plan: Plan) -> int:
    """Gives how many trials like `plan` run side by side: as set, or as fit by a measured pass.

    It is one, with a warning, where the model cannot.
    """
    width = kit.setup.train.width
    most = most_of(width, kit.model.device)
    reason = misfit(kit) if most > 1 else None
    if reason is not None:
        warnings.warn(f"Trials run one after another: side by side {reason}.", stacklevel=2)
        return 1
    return measured_width(kit, plan, most=most) if width == "auto" and most > 1 else most


def measured_width(kit: Kit, plan: Plan, *, most: int) -> int:
    """Gives how many trials like `plan` fit into the free memory, from a forward and backward pass of its longest pack.

    Set aside is what scoring takes however many there are.
    """
    start = start_of(kit.model, kit.setup.lora, 0)
    layout = Layout.of(start.state)
    table = layout.row(start.state)[None].to(kit.model.device)
    pack = max((pack for batch in plan.batches for pack in packs_of(batch, PACK_TOKENS)), key=tokens_of)
    try:
        with stacked(kit.model, kit.setup.lora, layout, table) as stack:
            stack.train(Dice(kit.model.device, [start.generator]))
            decoder = StackDecoder(kit.model, kit.trunk, stack)

            def work() -> torch.Tensor:
                return weighted_losses(decoder.logits([0], [pack]), pack, kit.setup.train).sum()

            activations = pass_bytes(kit.model.device, work)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return 1
    aside = 2 * LOGITS_BYTES + PASTS_BYTES
    trial = activations + COPIES * table.nbytes
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
    return None if error_size <= kit.model.tolerance else f"its outputs would differ by {error_size:.1e}"
