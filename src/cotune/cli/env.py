"""`cotune env`: versions, for a bug report."""

import os
import platform

from cotune.cli.console import print_json, print_text
from cotune.cli.options import AsJson
from cotune.study.versions import version_of

PACKAGES = ["cotune", "numpy", "scipy", "pydantic", "typer", "rich", "PyYAML", "jinja2"]
TRAINING = [
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "tokenizers",
    "safetensors",
    "gguf",
    "rouge-score",
    "pyarrow",
]
VARIABLES = ["COTUNE_CACHE", "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_OFFLINE", "OMP_NUM_THREADS"]


def env(*, as_json: AsJson = False) -> None:
    r"""Prints versions to paste into a bug report; no secrets.

    \b
    cotune env
    """
    facts = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        **{package: version_of(package) or "not installed" for package in PACKAGES + TRAINING},
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    if as_json:
        return print_json(facts)
    width = max(map(len, facts))
    for name, value in facts.items():
        print_text(f"{name.ljust(width)}  {value}")
    return None
