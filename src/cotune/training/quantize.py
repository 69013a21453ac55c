"""Quantised weights: a frozen model in 4 or 8 bits through bitsandbytes, where that is installed and can be used."""

import logging
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from warnings import warn

import torch
from packaging.version import Version
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedConfig

from cotune.training.settings import Train

PACKAGE = "bitsandbytes"
LEAST = "0.46.1"
"""What transformers asks for; the first that computes on a CPU as well."""


def within_reach(train: Train, device: torch.device) -> Train:
    """Gives `train`, with a warning not quantised where bitsandbytes cannot do it on `device`."""
    reason = _obstacle(device) if train.bits else None
    if reason is None:
        return train
    warn(
        f"train.load_in_{train.bits}bit is not followed: {reason}. The model is loaded as it is stored, and trials are "
        "recorded so.",
        stacklevel=3,
    )
    return replace(train, load_in_4bit=False, load_in_8bit=False)


def _obstacle(device: torch.device) -> str | None:
    remedy = f"install it with pip install '{PACKAGE}>={LEAST}'"
    try:
        found = version(PACKAGE)
    except PackageNotFoundError:
        return f"{PACKAGE} is not installed; {remedy}"
    if Version(found) < Version(LEAST):
        return f"{PACKAGE} {found} is too old; {remedy}"
    try:
        known = import_module(PACKAGE).supported_torch_devices
    except (ImportError, OSError, RuntimeError) as error:
        return f"{PACKAGE} {found} cannot be imported ({str(error)[:80]})"
    return None if device.type in known else f"{PACKAGE} {found} does not compute on {device.type}"


def quantization(bits: int | None, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Gives how transformers loads weights in `bits`, computing in `dtype`; None where they are not quantised.

    Four bits are NormalFloat with doubly quantised constants (Dettmers et al. 2023, "QLoRA: Efficient Finetuning of
    Quantized LLMs", section 3); eight are integers with outliers kept apart (Dettmers et al. 2022, "LLM.int8()").
    """
    if bits is None:
        return None
    logging.getLogger(f"{PACKAGE}.autograd._functions").setLevel(logging.ERROR)  # a note at each cast to float16
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def stored_bits(config: PreTrainedConfig) -> int | None:
    """Gives the bits that a model's own configuration says its weights are stored in, by bitsandbytes; else None."""
    stored = config.to_dict().get("quantization_config") or {}
    return 4 if stored.get("load_in_4bit") else 8 if stored.get("load_in_8bit") else None


def keep_trainable(module: nn.Module) -> None:
    """Keeps bitsandbytes from packing 4-bit weights for inference, as it does on a CPU with AVX512-BF16.

    It packs them at the first pass without gradients, and packed ones let none through: all trials after the first
    scoring would train the topmost layer alone.
    """
    for part in module.modules():
        if "support_avx512bf16_for_cpu" in vars(part):
            part.support_avx512bf16_for_cpu = False
