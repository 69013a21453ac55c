"""The kinds of tasks, one file each."""

from collections.abc import Mapping

from cotune.task import Kind
from cotune.tasks.kinds.classification import CLASSIFICATION, PAIR_CLASSIFICATION
from cotune.tasks.kinds.event import EVENT
from cotune.tasks.kinds.format import Format
from cotune.tasks.kinds.generation import GENERATION
from cotune.tasks.kinds.ner import NER
from cotune.tasks.kinds.relation import RELATION

FORMATS: Mapping[Kind, Format] = {
    "ner": NER,
    "relation": RELATION,
    "event": EVENT,
    "pair_classification": PAIR_CLASSIFICATION,
    "classification": CLASSIFICATION,
    "generation": GENERATION,
}
"""Every kind; a row whose columns fit several is taken for the first of them."""
