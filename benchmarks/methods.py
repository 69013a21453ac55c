"""The search methods that can be named: the program's own, published surrogates, peers through their own packages."""

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import TypeAlias, cast

from benchmarks.case import Case
from cotune.config.names import SAMPLERS, named
from cotune.mixture import Mixture
from cotune.search import Sampler

Plan: TypeAlias = Callable[[int], Sampler]
"""Gives a sampler that is told its budget in runs; those samplers that are not given one search until stopped."""
Cheat: TypeAlias = Callable[[Mapping[Mixture, float]], Sampler]
"""Gives a sampler that is shown the answers: no method, but a mark to measure methods against."""

FREE: Mapping[str, str] = MappingProxyType(
    {
        **SAMPLERS,
        "reconstruction": "benchmarks.peers.reconstruction:reconstruction",
        "ridge_shares": "benchmarks.peers.ridge:ridge_shares",
        "ridge_pairs": "benchmarks.peers.ridge:ridge_pairs",
        "mixing_law": "benchmarks.peers.mixing_law:mixing_law",
        "hamming_gp": "benchmarks.peers.hamming_gp:hamming_gp",
        "trees": "benchmarks.peers.trees:trees",
        "popularity": "benchmarks.peers.popularity:popularity",
        "optuna_tpe": "benchmarks.peers.optuna_study:optuna_tpe",
        "optuna_gp": "benchmarks.peers.optuna_study:optuna_gp",
        "botorch": "benchmarks.peers.botorch_gp:botorch_gp",
        "ax": "benchmarks.peers.ax_client:ax_client",
    }
)
PLANNED: Mapping[str, str] = MappingProxyType(
    {
        "linear_subsets": "benchmarks.peers.linear_subsets:linear_subsets",
        "smac": "benchmarks.peers.smac_forest:smac_forest",
    }
)
CHEATS: Mapping[str, str] = MappingProxyType(
    {"additive_fit_of_all": "benchmarks.peers.additive_fit_of_all:additive_fit_of_all"}
)
METHODS: Mapping[str, str] = MappingProxyType({**FREE, **PLANNED, **CHEATS})
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"own": tuple(SAMPLERS), "peers": tuple(name for name in METHODS if name not in {*SAMPLERS, "ax"})}
)
"""Names that stand for several methods; ax, which is botorch at ten times the price, is had by its own name alone."""
PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "reconstruction": "sklearn",
        "ridge_shares": "sklearn",
        "ridge_pairs": "sklearn",
        "hamming_gp": "sklearn",
        "trees": "sklearn",
        "optuna_tpe": "optuna",
        "optuna_gp": "optuna",
        "botorch": "botorch",
        "ax": "ax",
        "smac": "smac",
    }
)
"""What a method imports that cotune does not need."""


def sampler_of(case: Case, budget: int) -> Sampler:
    """Gives the sampler that a case names, told its budget or the answers if that is its kind.

    Raises:
        ValueError: there is no such method, or what it needs cannot be imported.
    """
    if case.sampler is not None:
        return case.sampler
    found = named(case.method, METHODS, what="method")
    if case.method in PLANNED:
        return cast(Plan, found)(budget)
    if case.method in CHEATS:
        return cast(Cheat, found)(case.pool.table.values(*case.targets))
    return cast(Sampler, found)


def is_planned(method: str) -> bool:
    """Tells whether a method searches differently for each budget."""
    return method in PLANNED


def chosen(names: Iterable[str], *, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Gives the methods that names and groups stand for (our own if there are none), each once, all importable.

    What a group holds but cannot be imported is left out, and `tell` is told.

    Raises:
        ValueError: a method that is named is unknown or needs a package that is not installed.
    """
    methods: dict[str, None] = {}
    for name in names or ("own",):
        for method in GROUPS.get(name, (name,)):
            reason = _obstacle(method)
            if reason and name not in GROUPS:
                raise ValueError(reason)
            if reason:
                tell(f"left out: {reason}")
            else:
                methods[method] = None
    return tuple(methods)


def _obstacle(method: str) -> str:
    """Gives why a method cannot be used; empty if it can."""
    package = PACKAGES.get(method)
    if package and find_spec(package) is None:
        return f"Method {method!r} needs the package {package}: pip install -e '.[bench]'."
    try:
        named(method, METHODS, what="method")
    except ValueError as error:
        return str(error)
    return ""
