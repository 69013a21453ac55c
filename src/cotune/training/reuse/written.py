"""A pick as a folder that peft loads."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from peft import LoraConfig
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D

from cotune.training.lora_factors import Factors, state_of
from cotune.training.model import LanguageModel
from cotune.training.saved import WEIGHTS


def write_factors(folder: Path, model: LanguageModel, factors: Mapping[str, Factors]) -> None:
    """Writes factors by module as a folder for `peft.PeftModel.from_pretrained`, tokenizer included.

    Where ranks or scales differ, the commonest ones are the adapter's, and the others stand in its `rank_pattern` and
    `alpha_pattern`.
    """
    save_file(state_of(factors), folder / WEIGHTS, metadata={"format": "pt"})
    config_of(model, factors).save_pretrained(str(folder))
    model.tokenizer.save_pretrained(folder)


def config_of(model: LanguageModel, factors: Mapping[str, Factors]) -> LoraConfig:
    """Gives the configuration of an adapter with these factors; alpha / rank is a factor's scale."""
    kinds = {name: (own.rank, own.scale * own.rank) for name, own in factors.items()}
    (rank, alpha), _ = Counter(kinds.values()).most_common(1)[0]
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=sorted(factors),
        rank_pattern={name: own for name, (own, _) in kinds.items() if own != rank},
        alpha_pattern={name: own for name, (_, own) in kinds.items() if own != alpha},
        fan_in_fan_out=isinstance(model.module.get_submodule(next(iter(factors))), Conv1D),
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=model.name,
    )
