"""Fingerprints of code by what it does: of every file that is imported, without docstrings, comments and layout."""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

from benchmarks.provenance import ROOT

ROOTS = {"cotune": ROOT / "src", "benchmarks": ROOT}
FRONT = "cotune"
"""Imports everything; what is used of it is reached by its own name as well."""
CHOICES = {f"cotune.training.{room}.choice" for room in ("balance", "mix", "curriculum", "merge")}
REGISTRIES = frozenset({*CHOICES, "benchmarks.balance.contestants"})
"""Modules that list contestants: one more changes none of the others."""


@lru_cache
def fingerprint(modules: tuple[str, ...], *, without: frozenset[str] = frozenset()) -> str:
    """Gives a fingerprint of modules and all that they import from this repository, `without` some.

    Imports by name while the program runs are not seen: a contestant's own code is none of the trainer's.
    """
    found = sorted(reached(modules) - without - REGISTRIES)
    content = "\n".join(f"{name} {digest(_file(name))}" for name in found)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@lru_cache
def reached(modules: tuple[str, ...]) -> frozenset[str]:
    """Gives the modules of this repository that importing some of them imports, themselves included."""
    found: set[str] = set()
    left = [name for name in modules if _file(name).is_file()]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += imported(_file(name))
    return frozenset(found)


@lru_cache
def imported(file: Path) -> tuple[str, ...]:
    """Gives the modules of this repository that a file imports, wherever in the file."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name != FRONT and name.partition(".")[0] in ROOTS and _file(name).is_file())


@lru_cache
def digest(file: Path) -> str:
    """Gives a digest of a file's code."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _file(name: str) -> Path:
    """Gives the file of a module or package; it need not exist."""
    place = ROOTS[name.partition(".")[0]].joinpath(*name.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _is_text(part: ast.stmt) -> bool:
    """Whether a statement is a string alone: a docstring, of whatever."""
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
