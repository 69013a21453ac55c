"""The trainer: how an engine trains the adapter of one trial, and looks at it on its way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cotune.training.balance.gradient import BalancedGradient
from cotune.training.checkpoint import checkpointed
from cotune.training.climb import climb
from cotune.training.compiled import CompiledLayers
from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS, leaf
from cotune.training.halted import Halted
from cotune.training.loop import Descent, share_of
from cotune.training.lora import Trainee
from cotune.training.loss.stakes import Stakes
from cotune.training.merge.turns import in_turns, is_merged, steps_of
from cotune.training.mix.gradient import MixedGradient
from cotune.training.mixing import Plan
from cotune.training.model import LanguageModel
from cotune.training.ranks import Ranks, Train
from cotune.training.rungs import Course, gold_of, looked_at, read_losses, rungs
from cotune.training.scoring import Exam
from cotune.training.setup import Setup
from cotune.training.trunk import Trunk
from cotune.trial import Progress, Request

Guide = BalancedGradient | MixedGradient
"""What has a say in each step: how its losses are merged, or what its batch is."""


class Trainer:
    """Trains adapters on a model's decoder, in packs, on what its trunk has kept, with all ranks of a trial."""

    def __init__(
        self,
        setup: Setup,
        model: LanguageModel,
        *,
        trunk: Trunk | None,
        decoder: Decoder,
        ranks: Ranks,
        report: Callable[[Progress], None],
        stakes: Callable[[Sequence[str]], Mapping[str, Stakes]],
        compiled: CompiledLayers,
    ) -> None:
        self._setup, self._model = setup, model
        self._trunk, self._decoder, self._ranks, self._report = trunk, decoder, ranks, report
        self._halted, self._stakes, self._compiled = Halted(), stakes, compiled

    def train(
        self,
        request: Request | None,
        drawn: Plan,
        trainee: Trainee,
        limit: int,
        guide: Guide | None = None,
    ) -> tuple[float, ...]:
        """Trains to the end, as the settings say together or each dataset by itself, and gives the loss of each step.

        Raises:
            TrialError: a loss or a gradient is not finite.
        """
        if not is_merged(drawn, self._setup.train):
            return self.learn(request, drawn, trainee, limit, guide)
        progress, total = self._stage(request, "train"), steps_of(drawn, self._setup.train)

        def tune(plan: Plan, before: int) -> tuple[float, ...]:
            return self.learn(request, plan, trainee, limit, None, lambda done, _: progress(before + done, total))

        return in_turns(drawn, self._setup.train, self._setup.lora, trainee, tune)

    def learn(
        self,
        request: Request | None,
        drawn: Plan,
        trainee: Trainee,
        limit: int,
        guide: Guide | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[float, ...]:
        """Trains all of a plan together and gives the loss of each step.

        Raises:
            TrialError: a loss or a gradient is not finite.
        """
        descent = self._descent(request, drawn, trainee, limit, guide, progress)
        with self._learning(trainee):
            descent.advance(descent.steps)
        return tuple(descent.losses)

    def climb(
        self,
        request: Request,
        drawn: Plan,
        trainee: Trainee,
        limit: int,
        exams: Sequence[Exam],
        guide: Guide | None = None,
    ) -> Course:
        """Trains, with a look at each rung, to the end or to where the request's limits stop it.

        Several processes that train one trial do not stop, since they wait for each other; nor does what is merged.

        Raises:
            TrialError: a loss or a gradient is not finite.
        """
        if is_merged(drawn, self._setup.train):
            return Course(self.train(request, drawn, trainee, limit, guide))
        asked = request if self._setup.train.processes == 1 else replace(request, stop=None)
        points = self._setup.scoring.curve
        seen = looked_at(exams, asked, points)

        def look() -> dict[str, float]:
            for exam in seen:
                self.encode(request, gold_of(exam), pasts=False)
            trainee.train(False)
            losses = read_losses(seen, self._decoder, limit=limit)
            trainee.train(True)
            return losses

        marks = rungs(asked, len(drawn.batches), points)
        descent = self._descent(request, drawn, trainee, limit, guide)
        with self._learning(trainee):
            return climb(asked, descent, trainee, marks, look, self._halted)

    def encode(
        self, request: Request | None, examples: Sequence[Example], *, pasts: bool, limit: int = PACK_TOKENS
    ) -> None:
        """Has the trunk compute what is missing of `examples`; a smaller `limit` of packs leaves it less memory."""
        if self._trunk is not None and self._decoder.uses_trunk:
            self._trunk.confine(limit / PACK_TOKENS)
            nodes = (node for example in examples for node in leaf(example).line)
            self._trunk.prepare(nodes, pasts=pasts, progress=self._stage(request, "encode"))

    @contextmanager
    def _learning(self, trainee: Trainee) -> Iterator[None]:
        trained = self._model.layers[self._model.depth(self._setup.lora) :]
        trainee.train(True)
        with self._compiled.standing_in(), checkpointed(trained if self._setup.train.gradient_checkpointing else ()):
            yield
        trainee.train(False)

    def _descent(
        self,
        request: Request | None,
        drawn: Plan,
        trainee: Trainee,
        limit: int,
        guide: Guide | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Descent:
        self._ranks.tell(Train(drawn, limit))
        rank = self._ranks.own
        mixed = guide if isinstance(guide, MixedGradient) else None  # encodes what it draws
        batches = () if mixed else drawn.batches
        mine = [pack for batch in batches for pack in share_of(self._decoder, batch, limit, rank)]
        self.encode(request, [example for pack in mine for example in pack], pasts=False, limit=limit)
        self._compiled.prepare(self._decoder, trainee.parameters, mine)
        return Descent(
            self._decoder,
            trainee.parameters,
            drawn.batches,
            train=drawn.under(self._setup.train),
            pack_tokens=limit,
            progress=progress or self._stage(request, "train"),
            rank=rank,
            balanced=guide if isinstance(guide, BalancedGradient) else None,
            mixed=mixed,
            stakes=self._stakes(tuple(drawn.exposure)),
        )

    def _stage(self, request: Request | None, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._report(Progress(request, stage, done, total))
