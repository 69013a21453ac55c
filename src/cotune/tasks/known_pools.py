"""Known pools: which published sets make one up, where each can be had, and what of it a folder holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cotune.task import Kind, Task
from cotune.tasks.folder import is_dataset_folder
from cotune.tasks.hub import is_saved_folder
from cotune.tasks.load import load_task
from cotune.tasks.spec import DatasetSpec


@dataclass(frozen=True)
class KnownSet:
    """One set of a known pool, with the licence that its source states for it.

    `source` is where the set is published. `hub` is a hub id that loads without code of the dataset, with its `subset`;
    empty if there is none. `folders` names the sets in our plain format that stand for it, as in the project's samples.
    """

    name: str
    kind: Kind
    licence: str
    source: str
    hub: str = ""
    subset: str = ""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundSet:
    """A set of a known pool with its tasks; none where it is not at hand, with the `trouble` if the hub was asked."""

    known: KnownSet
    tasks: tuple[Task, ...] = ()
    trouble: str = ""


_MTL = "https://github.com/cambridgeltl/MTL-Bioinformatics-2016"

BIOMED12 = (
    KnownSet("BioRED", "relation", "unknown", "https://ftp.ncbi.nlm.nih.gov/pub/lu/BioRED/"),
    KnownSet("DDI", "relation", "CC BY-NC 4.0", "https://github.com/isegura/DDICorpus"),
    KnownSet("GIT", "relation", "unknown", "https://arxiv.org/abs/2310.18463"),
    KnownSet(
        "genia2011",
        "event",
        "CC BY 3.0",
        "https://sites.google.com/site/bionlpst/bionlp-shared-task-2011/genia-event-extraction-genia",
    ),
    KnownSet("PHEE", "event", "MIT", "https://github.com/ZhaoyueSun/PHEE", folders=("phee",)),
    KnownSet(
        "genia2013",
        "event",
        "CC BY 3.0",
        "https://github.com/openbiocorpora/bionlp-st-2013-ge",
        folders=("genia2013",),
    ),
    KnownSet("BC2GM", "ner", "CC BY 4.0 (converted files)", _MTL, folders=("bc2gm",)),
    KnownSet("BC4CHEMD", "ner", "CC BY 4.0 (converted files)", _MTL),
    KnownSet("BC5CDR", "ner", "CC BY 4.0 (converted files)", _MTL, folders=("bc5cdr_chem", "bc5cdr_disease")),
    KnownSet(
        "ADE",
        "classification",
        "unknown",
        "https://huggingface.co/datasets/ade-benchmark-corpus/ade_corpus_v2",
        hub="ade-benchmark-corpus/ade_corpus_v2",
        subset="Ade_corpus_v2_classification",
    ),
    KnownSet("HealthAdvice", "classification", "unknown", "https://github.com/junwang4/detecting-health-advice"),
    KnownSet("PubMed-20k-RCT", "classification", "unknown", "https://github.com/Franck-Dernoncourt/pubmed-rct"),
)
"""The twelve biomedical sets that the source's released scripts name (relation, event, entity and classification)."""

KNOWN_POOLS: Mapping[str, tuple[KnownSet, ...]] = {"biomed12": BIOMED12}
"""Published pools by name."""


def find_pool(name: str, folder: Path | None = None, *, hub: bool = False) -> tuple[FoundSet, ...]:
    """Gives the sets of a known pool, each with its tasks in `folder`: under its plain name, or saved under its own.

    With `hub`, a set that the folder lacks comes from the hub or its cache, where it has an id; that it cannot be had
    is no error, but said in the result.

    Raises:
        ValueError: no pool has that name; or a dataset in the folder breaks a rule.
    """
    if name not in KNOWN_POOLS:
        near = get_close_matches(name, KNOWN_POOLS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown pool {name!r}; known are {list(KNOWN_POOLS)}.{hint}")
    local = [FoundSet(known, _tasks(known, folder)) for known in KNOWN_POOLS[name]]
    return tuple(_from_hub(one.known) if hub and one.known.hub and not one.tasks else one for one in local)


def _tasks(known: KnownSet, folder: Path | None) -> tuple[Task, ...]:
    if folder is None:
        return ()
    plain = [name for name in known.folders if _is_dataset(folder / name)]
    present = plain or [name for name in (known.name,) if _is_dataset(folder / name)]
    return tuple(load_task(DatasetSpec(name, name), folder) for name in present)


def _is_dataset(folder: Path) -> bool:
    return folder.is_dir() and (is_dataset_folder(folder) or is_saved_folder(folder))


def _from_hub(known: KnownSet) -> FoundSet:
    spec = DatasetSpec(known.name, known.hub, kind=known.kind, subset=known.subset or None)
    try:
        return FoundSet(known, (load_task(spec, Path()),))
    except (ValueError, OSError, ImportError) as error:
        return FoundSet(known, trouble=str(error))
