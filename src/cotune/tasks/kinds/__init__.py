"""The kinds of tasks, one file each."""

from collections.abc import Mapping

from cotune.task import Kind
from cotune.tasks.kinds.classification import CLASSIFICATION, PAIR_CLASSIFICATION
from cotune.tasks.kinds.event import EVENT
from cotune.tasks.kinds.format import Format
from cotune.tasks.kinds.generation import GENERATION
from cotune.tasks.kinds.ner import NER
from cotune.tasks.kinds.relation import RELATION
from cotune.tasks.kinds.text import TEXT

FORMATS: Mapping[Kind, Format] = {
    "ner": NER,
    "relation": RELATION,
    "event": EVENT,
    "pair_classification": PAIR_CLASSIFICATION,
    "classification": CLASSIFICATION,
    "generation": GENERATION,
    "text": TEXT,
}
"""Every kind."""

GUESSED: tuple[Kind, ...] = tuple(kind for kind in FORMATS if kind != "text")
"""Kinds that columns tell, the first that fits. Texts are named: a row whose label has an odd name looks like one."""
