"""A trained adapter: what a request's training left behind, kept apart from the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cotune.training.lora import State, adapted
from cotune.training.model import LanguageModel
from cotune.training.settings import Lora
from cotune.trial import Exposure, Request


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

    def save(self, folder: Path) -> None:
        """Writes a folder that `peft.PeftModel.from_pretrained` loads, tokenizer included.

        With `method="full"` it is a whole model for `AutoModelForCausalLM.from_pretrained`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with adapted(self.model, self.lora, seed=0, state=self.state) as trainee:
            trainee.save(folder)
        self.model.tokenizer.save_pretrained(folder)
