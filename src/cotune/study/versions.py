"""The versions of all that a run's scores may hang on, for the record."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("cotune", "numpy", "scipy", "torch", "transformers", "peft", "tokenizers", "datasets", "bitsandbytes")


def versions() -> dict[str, str]:
    """Gives the versions of Python, the system and the packages that are installed; imports none of them."""
    installed = {package: found for package in PACKAGES if (found := version_of(package))}
    return {"python": platform.python_version(), "system": platform.platform(), **installed}


def version_of(package: str) -> str | None:
    """Gives the version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
