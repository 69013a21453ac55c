"""Where a result comes from: commit, versions, hardware."""

import importlib.util
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("cotune", "numpy", "scipy", "torch", "transformers", "peft", "tokenizers", "datasets")


def provenance() -> dict[str, object]:
    """Gives a JSON object to be kept beside every result."""
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES if _is_installed(name)},
        "hardware": f"{processor()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def commit() -> str:
    """Gives the commit of this clone, marked where files that the result depends on differ from it."""
    head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    code = ["src", "benchmarks", "examples"]
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no", *code], cwd=ROOT, capture_output=True, text=True
    )
    if head.returncode:
        return "unknown (not a git clone)"
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")


def processor() -> str:
    """Gives the processor's model as the system names it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
