"""Folders of adapters: found, read and checked before any is put on a model."""

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peft import LoraConfig, PeftConfig
from peft.utils import load_peft_weights
from torch import nn
from transformers.pytorch_utils import Conv1D

from cotune.training.fingerprint import model_fingerprint
from cotune.training.lora import State
from cotune.training.lora_factors import DOWN, PREFIX, UP
from cotune.training.model import LanguageModel, quiet
from cotune.training.origin import first_line
from cotune.training.saved import ADAPTER

FREE = frozenset(
    {"r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "lora_dropout", "fan_in_fan_out"}
    | {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "runtime_config"}
    | {
        "peft_type",
        "init_lora_weights",
        "task_type",
        "inference_mode",
        "auto_mapping",
        "base_model_name_or_path",
        "revision",
        "peft_version",
    }
)
"""Keys of a configuration that may say anything: what they ask for is in the weights, their scale, or of training."""

KEEPING = (True, False, "gaussian", "orthogonal")
"""Beginnings of LoRA factors that leave the model's own weights as they are."""


@dataclass(frozen=True)
class Stored:
    """A plain LoRA adapter as its folder holds it; `modules` are the linear modules that it has factors for."""

    label: str
    folder: Path
    config: LoraConfig = field(repr=False)
    state: State = field(repr=False)
    modules: tuple[str, ...] = field(repr=False)


def find_adapters(given: Sequence[Path]) -> list[Path]:
    """Gives the adapters' folders: each of `given`, or those in it if it is no adapter's itself.

    Raises:
        FileNotFoundError: one is no folder, or no adapter's and holds none.
        ValueError: an adapter is given twice.
    """
    found = [folder for path in given for folder in _adapters_in(path)]
    repeated = [str(folder) for folder, count in Counter(path.resolve() for path in found).items() if count > 1]
    if repeated:
        raise ValueError(f"Adapters are given once each; {repeated} are given twice. Leave one of each out.")
    return found


def _adapters_in(path: Path) -> list[Path]:
    if (path / ADAPTER).is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path)!r}; --adapters takes a PEFT adapter's, or one of such.")
    inside = sorted(file.parent for file in path.glob(f"*/{ADAPTER}"))
    if not inside:
        raise FileNotFoundError(
            f"{str(path)!r} holds no adapter: neither it nor a folder in it has {ADAPTER}. Give a folder that "
            "`cotune train --out` or peft's save_pretrained wrote."
        )
    return inside


def read_adapters(folders: Sequence[Path], model: LanguageModel) -> list[Stored]:
    """Gives the adapters in `folders`, which fit `model`; labels are the folders' names where these differ.

    Raises:
        ValueError: one cannot be read, is no plain LoRA of linear modules in decoder layers, or is another model's.
    """
    names = Counter(folder.name for folder in folders)
    labels = [folder.name if folder.name and names[folder.name] == 1 else str(folder) for folder in folders]
    return [_read(folder, label, model) for folder, label in zip(folders, labels, strict=True)]


def _read(folder: Path, label: str, model: LanguageModel) -> Stored:
    with _reading(folder):
        told = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        config = PeftConfig.from_pretrained(str(folder))
    _check_plain(folder, config, told)
    _check_base(folder, config, model)
    with _reading(folder):
        state = load_peft_weights(str(folder), device="cpu")
    return Stored(label, folder, config, state, _fitting_modules(folder, state, model))


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Keeps peft quiet, and turns what it raises into one line.

    Raises:
        ValueError: anything was raised.
    """
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that it does not know: they are looked at
            yield
    except Exception as error:
        said = first_line(error).rstrip(".:")[:200]
        raise ValueError(f"The adapter {str(folder)!r} cannot be read: {said}. Fetch or save it again.") from error


def _check_plain(folder: Path, config: PeftConfig, told: Mapping[str, object]) -> None:
    """Checks that an adapter is LoRA and nothing else, also nothing that the peft at hand does not know.

    Raises:
        ValueError: it is not.
    """
    if type(config) is not LoraConfig:
        raise ValueError(f"The adapter {str(folder)!r} is of type {told['peft_type']}; only plain LoRA is reused.")
    plain = vars(LoraConfig())
    strange = [
        name
        for name, value in told.items()
        if name not in FREE and value and (name not in plain or value != plain[name])
    ]
    if config.init_lora_weights not in KEEPING:
        strange.append("init_lora_weights")
    if strange:
        said = ", ".join(f"{name}: {told[name]!r}" for name in strange)
        raise ValueError(f"The adapter {str(folder)!r} is more than plain LoRA ({said}). Leave it out.")


def _check_base(folder: Path, config: LoraConfig, model: LanguageModel) -> None:
    """Checks that an adapter was trained on `model`, by name, by content, or where the base is not here by last name.

    Raises:
        ValueError: it was not.
    """
    base = config.base_model_name_or_path
    if not base or base == model.name:
        return
    if Path(base).is_dir():
        is_same = _fingerprint(Path(base), model) == model.fingerprint
    else:
        is_same = Path(base).name == Path(model.name).name
    if not is_same:
        raise ValueError(
            f"The adapter {str(folder)!r} was trained on {base!r}, the study's model is {model.name!r}. Leave it out, "
            "or give the study that model, as model=NAME."
        )


def _fingerprint(folder: Path, model: LanguageModel) -> str:
    try:
        return model_fingerprint(folder, model.tokenizer)
    except (OSError, ValueError):
        return ""


def _fitting_modules(folder: Path, state: State, model: LanguageModel) -> tuple[str, ...]:
    """Gives the modules that `state` has two factors of the right shape for.

    Raises:
        ValueError: it has something else, too.
    """
    linear = _linear_modules(model)
    names = tuple(dict.fromkeys(name.removeprefix(PREFIX).removesuffix(DOWN).removesuffix(UP) for name in state))
    lacking = sorted({f"{PREFIX}{name}{factor}" for name in names for factor in (DOWN, UP)} - set(state))
    others = [name for name in names if name not in linear]
    if others or lacking or not names:
        found = f"holds {others[0]!r}" if others else f"lacks {lacking[0]!r}" if lacking else "holds nothing"
        raise ValueError(
            f"The adapter {str(folder)!r} is not LoRA of linear modules in the decoder layers of {model.name!r}: it "
            f"{found}. Leave it out."
        )
    for name in names:
        down, up = (tuple(state[f"{PREFIX}{name}{factor}"].shape) for factor in (DOWN, UP))
        width_in, width_out = _widths(linear[name])
        if (down[1:], up[:1], down[:1]) != ((width_in,), (width_out,), up[1:]):
            raise ValueError(
                f"The adapter {str(folder)!r} does not fit {model.name!r}: its factors of {name} are {down} and {up}, "
                f"the module maps {width_in} to {width_out}. It is another model's; leave it out."
            )
    return names


def _linear_modules(model: LanguageModel) -> dict[str, nn.Module]:
    inside = {id(part) for layer in model.layers for part in layer.modules()}
    named = model.module.named_modules()
    return {name: part for name, part in named if id(part) in inside and isinstance(part, nn.Linear | Conv1D)}


def _widths(part: nn.Module) -> tuple[int, int]:
    """Gives what a linear module maps from and to."""
    if isinstance(part, Conv1D):
        return int(part.weight.shape[0]), int(part.weight.shape[1])
    return int(part.in_features), int(part.out_features)
