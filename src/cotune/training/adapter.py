"""A trained adapter: what a request's training left behind, kept apart from the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from cotune.training.fingerprint import weight_files
from cotune.training.lora import State, adapted
from cotune.training.model import LanguageModel
from cotune.training.origin import first_line
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

        Raises:
            OSError: the disk is full or refuses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._write(folder)
        except Exception as error:
            if "os error" not in str(error):
                raise
            reason = f"{first_line(error).rstrip('.')}. Free some space, or choose another folder."
            raise OSError(f"Cannot write {str(folder)!r}: {reason}") from error  # safetensors has an error of its own

    def _write(self, folder: Path) -> None:
        with adapted(self.model, self.lora, seed=0, state=self.state) as trainee:
            trainee.save(folder)
        self.model.tokenizer.save_pretrained(folder)


def load_state(folder: Path, lora: Lora) -> State:
    """Gives the trained weights that `Adapter.save` wrote.

    Raises:
        FileNotFoundError: they are not there.
        ValueError: they are damaged.
    """
    files = weight_files(folder) if lora.method == "full" else [folder / "adapter_model.safetensors"]
    state: State = {}
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{str(file)!r} is not there; give the folder that `cotune train --out` wrote.")
        try:
            state |= load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{str(file)!r} is damaged ({first_line(error)}). Copy it again.") from None
    return state
