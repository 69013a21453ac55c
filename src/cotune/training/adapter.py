"""A trained adapter: what a request's training left behind, kept apart from the model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cotune.training.lora import State, adapted
from cotune.training.model import LanguageModel
from cotune.training.origin import first_line
from cotune.training.settings import Lora
from cotune.trial import Balancing, Exposure, Request


@dataclass(frozen=True)
class Adapter:
    """Trained weights with what they were trained on."""

    request: Request
    state: State = field(repr=False)
    exposure: Mapping[str, Exposure]
    train_loss: tuple[float, ...]
    seconds: float
    model: LanguageModel = field(repr=False)
    lora: Lora
    balancing: Balancing | None = None

    def save(self, folder: Path) -> None:
        """Writes a folder that `peft.PeftModel.from_pretrained` loads, tokenizer included.

        With `method="full"` it is a whole model for `AutoModelForCausalLM.from_pretrained`.

        Raises:
            OSError: the disk is full or refuses.
        """
        with writing(folder):
            with adapted(self.model, self.lora, seed=0, state=self.state) as trainee:
                trainee.save(folder)
            self.model.tokenizer.save_pretrained(folder)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Makes `folder`, and turns what libraries raise where it cannot be filled into an error of the system.

    Raises:
        OSError: the disk is full or refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except Exception as error:
        if "os error" not in str(error):
            raise
        reason = f"{first_line(error).rstrip('.')}. Free some space, or choose another folder."
        raise OSError(f"Cannot write {str(folder)!r}: {reason}") from error  # safetensors has an error of its own
