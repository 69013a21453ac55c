"""What is loaded once: the model, its encoder, trunk and decoder, and the examples made with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cotune.task import Split
from cotune.training.choice import choose_decoder, trunk_of
from cotune.training.decoder import Decoder
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.exams import exams_of
from cotune.training.lora import check_targets
from cotune.training.model import LanguageModel, load_model
from cotune.training.scoring import LONGEST_OUTPUT, Exam
from cotune.training.setup import Setup
from cotune.training.tokens import encoder_of
from cotune.training.trunk import Trunk
from cotune.training.worth import is_worth
from cotune.trial import Progress


@dataclass(frozen=True)
class Loaded:
    """A model in memory with what trials share, whatever their budget and how they take a step."""

    model: LanguageModel
    encoder: Encoder
    trunk: Trunk | None
    decoder: Decoder
    _pool: dict[str, list[Example]] = field(default_factory=dict)
    _exams: dict[tuple[Split, int | None], list[Exam]] = field(default_factory=dict)

    def pool(self, setup: Setup, names: Sequence[str]) -> dict[str, list[Example]]:
        """Gives the train examples of the tasks `names`."""
        for name in names:
            if name not in self._pool:
                task = setup.task(name)
                rows = list(task.rows.get("train", ()))
                self._pool[name] = self.encoder.examples(task, rows, max_length=setup.train.length_of(name))
        return {name: self._pool[name] for name in names}

    def exams(self, setup: Setup, split: Split, count: int | None) -> list[Exam]:
        """Gives the exams on `count` rows of a split, the same for every trial."""
        if (split, count) not in self._exams:
            self._exams[split, count] = exams_of(setup, self.encoder, split, count=count)
        return self._exams[split, count]


def load(setup: Setup, report: Callable[[Progress], None]) -> Loaded:
    """Loads the model of `setup`.

    Raises:
        ValueError: the model cannot be loaded, or does not suit the settings.
    """
    model = load_model(setup.model, train=setup.train, lora=setup.lora, progress=report)
    if setup.lora.method == "lora":
        check_targets(model, setup.lora)  # a wrong name of a module shows before the first trial
    encoder = encoder_of(model, setup)
    longest = max(setup.train.length_of(task.name) for task in setup.tasks)
    longest += setup.scoring.max_new_tokens or LONGEST_OUTPUT
    check_length(model.module.config.get_text_config().to_dict(), longest)
    cut = model.depth(setup.lora)
    trunk = trunk_of(model, cut if is_worth(setup, model, encoder) else 0, cache=setup.cache)
    return Loaded(model, encoder, trunk, choose_decoder(model, trunk, longest=longest, cut=cut))


def check_length(config: Mapping[str, object], longest: int) -> None:
    """Checks that a model of this configuration reads so many tokens.

    Raises:
        ValueError: it does not.
    """
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and longest > positions:
        raise ValueError(
            f"The model reads {positions} tokens; a prompt and an output need {longest}. Lower train.max_length."
        )
