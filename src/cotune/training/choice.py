"""The choice of a decoder: the fast one where a probe shows that it computes what the model computes."""

import warnings
from pathlib import Path

import torch

from cotune.training.decoder import Decoder, Generation
from cotune.training.errors import UNFIT
from cotune.training.example import Example
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.model import LanguageModel
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk


def trunk_of(model: LanguageModel, depth: int, *, cache: Path | None) -> Trunk | None:
    """Gives the trunk of the lowest `depth` layers, None if there are none."""
    return Trunk(model, depth, cache=cache) if depth else None


def choose_decoder(model: LanguageModel, trunk: Trunk | None, *, longest: int, cut: int = 0) -> Decoder:
    """Gives the fast decoder for `model`, or with a warning the plain one if it does not fit; `longest` is in tokens.

    The trained layers begin at `cut`. Sequences must be seen whole: a sliding window shorter than `longest` is not kept
    by the fast decoder.
    """
    forest, padded = ForestDecoder(model, trunk, cut=cut), PaddedDecoder(model, cut=cut)
    reason = _misfit(model, forest, padded, longest)
    if reason is None:
        return forest
    warnings.warn(
        f"{type(model.module).__name__} does not fit the fast path ({reason}); every trial runs the whole model.",
        stacklevel=2,
    )
    return padded


def probe_of(model: LanguageModel) -> list[Example]:
    """Gives two examples with a common beginning, to compare two ways to run a model."""
    first, *rest = (index % model.module.get_input_embeddings().num_embeddings for index in range(5, 17))
    return [
        Example("probe", "a", (first, *rest[:6]), (rest[7], rest[8]), (3,)),
        Example("probe", "b", (first, *rest[:4]), (rest[9], rest[5], rest[10]), (3,)),
    ]


def _misfit(model: LanguageModel, forest: ForestDecoder, padded: PaddedDecoder, longest: int) -> str | None:
    config = model.module.config.get_text_config().to_dict()
    window = config.get("sliding_window")
    if window is not None and window < longest and config.get("use_sliding_window", True):
        return f"it sees only {window} tokens back"
    probe = probe_of(model)
    try:
        with torch.no_grad():
            fast, plain = forest.logits(probe), padded.logits(probe)
        forest.read(probe, limit=64, generation=Generation(end=-1, cap=4, rows=2))
    except UNFIT as error:
        return f"{type(error).__name__}: {str(error)[:80]}"
    error_size = float((fast - plain).abs().max() / plain.abs().max().clamp(min=1))
    return None if error_size <= model.tolerance else f"its outputs would differ by {error_size:.1e}"
