"""Where a result comes from: commit, versions, hardware."""

import os
import platform
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("cotune", "numpy", "scipy", "torch", "transformers", "peft", "tokenizers", "datasets")
PEERS = ("trl", "scikit-learn", "optuna", "botorch", "gpytorch", "smac", "ax-platform")
CODE = ("src", "benchmarks", "examples")
"""Folders that a result depends on."""


def provenance() -> dict[str, object]:
    """Gives a JSON object to be kept beside every result."""
    return {
        "commit": commit(),
        "dirty": is_changed(),
        "python": platform.python_version(),
        "versions": versions([*PACKAGES, *PEERS]),
        "hardware": hardware(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Gives the versions of those packages that are installed."""
    found: dict[str, str] = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str:
    """Gives the commit of this clone, marked where files that the result depends on differ from it."""
    done = _git("rev-parse", "--short=12", "HEAD")
    if done.returncode:
        return "unknown (not a git clone)"
    return done.stdout.strip() + (" with changes" if is_changed() else "")


def is_changed() -> bool:
    """Tells whether files that a result depends on differ from the commit."""
    return bool(_git("status", "--porcelain", "--untracked-files=no", *CODE).stdout.strip())


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


def hardware() -> str:
    """Names this machine's processor and the number of its cores."""
    return f"{processor()}, {os.cpu_count()} cores"


def processor() -> str:
    """Gives the processor's model as the system names it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
