"""The language model: found by folder, hub id or "embedded", loaded frozen, and known by the content of its weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from cotune.training.cut import decoder_layers
from cotune.training.damage import CONFIGURATION, TOKENIZER, WEIGHTS, blaming
from cotune.training.device import device_of
from cotune.training.embedded import shown_name
from cotune.training.fingerprint import model_fingerprint
from cotune.training.origin import files_folder, find_origin
from cotune.training.quantize import keep_trainable, quantization, stored_bits
from cotune.training.settings import Lora, Train
from cotune.trial import Progress

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}
TOLERANCE_8BIT = 0.2
"""Of 8-bit weights: activations are quantised too, by a grid that hangs on the batch. The embedded model's plain pass
differs from itself by 0.04 to 0.07 with another row beside."""

WITHOUT = {"output_router_logits": False}
"""What families with experts can give beside the logits: for its loss they read masks of another shape than ours."""


@dataclass(frozen=True)
class LanguageModel:
    """A frozen causal language model with its tokenizer; `name` is how others find it, `fingerprint` what it holds.

    `bits` is what its linear weights are quantised to, if they are; `is_split` tells that its layers lie on several
    devices, of which `device` is the first: what goes in and comes out is there.
    """

    name: str
    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str
    bits: int | None = None
    is_split: bool = False

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.module.device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.module.dtype

    @property
    def precision(self) -> str:
        """What it computes in, and its weights' bits if they are quantised: what its outputs hang on to rounding."""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{dtype}+{self.bits}bit" if self.bits else dtype

    @property
    def tolerance(self) -> float:
        """By how much of the largest output two right ways to compute it may differ."""
        return TOLERANCE_8BIT if self.bits == 8 else TOLERANCE[self.dtype]

    @property
    def layers(self) -> torch.nn.ModuleList:
        """Its decoder layers, lowest first."""
        return decoder_layers(self.module, int(self.module.config.get_text_config().num_hidden_layers))

    def depth(self, lora: Lora) -> int:
        """Gives how many of the lowest layers stay frozen."""
        return 0 if lora.top is None else max(len(self.layers) - lora.top, 0)


def load_model(
    name: str, *, train: Train, lora: Lora, progress: Callable[[Progress], None] | None = None
) -> LanguageModel:
    """Gives the model `name`: a local folder, a hub id, or "embedded".

    `progress` is told if the embedded one is fetched and converted.

    Raises:
        ValueError: there is no such model, its files are damaged, or it is no decoder.
    """
    device = device_of(train.device)
    dtype = _dtype(train.dtype, device, lora)
    origin = find_origin(name, progress=progress)
    with quiet():
        with blaming(name, origin, CONFIGURATION):
            config = AutoConfig.from_pretrained(origin, trust_remote_code=False, **WITHOUT)
        with blaming(name, origin, TOKENIZER):
            tokenizer = AutoTokenizer.from_pretrained(origin, trust_remote_code=False)
        with blaming(name, origin, WEIGHTS):
            bits = stored_bits(config) or train.bits
            split = train.device_map if device.type == "cuda" else None
            place = split or (str(device) if bits else None)
            module = _whole_model(origin, config, dtype, bits=bits, place=place)
            fingerprint = model_fingerprint(files_folder(origin), tokenizer)
    if bits and lora.method == "full":
        raise ValueError(f"The model {name!r} has its weights in {bits} bits; lora.method 'full' cannot train those.")
    is_split = _check_split(name, module) if split else False
    if place is None:
        module.to(device)
    module.requires_grad_(False).eval()
    return LanguageModel(shown_name(name), module, tokenizer, fingerprint, bits, is_split)


def _whole_model(
    origin: str, config: PreTrainedConfig, dtype: torch.dtype, *, bits: int | None, place: str | None
) -> PreTrainedModel:
    """Loads the weights, and refuses what transformers only notes: random numbers in place of those that are not there.

    Raises:
        ValueError: some are missing, or have another shape than the configuration says.
    """
    module, found = AutoModelForCausalLM.from_pretrained(
        origin,
        config=config,
        dtype=dtype,
        quantization_config=None if stored_bits(config) else quantization(bits, dtype),
        device_map=place,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    absent = sorted([*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])])
    if absent:
        raise ValueError(f"{len(absent)} weights of config.json are missing or of another shape: {absent[0]}")
    if bits:
        keep_trainable(module)
    return cast(PreTrainedModel, module)


def _check_split(name: str, module: PreTrainedModel) -> bool:
    """Tells whether accelerate put a model's layers on several GPUs.

    Raises:
        ValueError: part of it had to stay outside, where nothing can be trained.
    """
    places = {str(place) for place in vars(module).get("hf_device_map", {}).values()}
    if places & {"cpu", "disk"}:
        raise ValueError(
            f"The model {name!r} does not fit on {torch.cuda.device_count()} GPUs: part of it would stay on the "
            "processor or disk. Free their memory, set train.load_in_4bit, or give a smaller model."
        )
    return len(places) > 1


def _dtype(name: str, device: torch.device, lora: Lora) -> torch.dtype:
    """Gives bfloat16 for a frozen model on a GPU, else float32: weights that are trained need its precision."""
    if name != "auto":
        return DTYPES[name]
    return torch.bfloat16 if device.type == "cuda" and lora.method == "lora" else torch.float32


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers from drawing its own progress bars and notes."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
