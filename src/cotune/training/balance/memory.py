"""What a balanced training remembers between steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cotune.training.balance.confidence import Confidence
from cotune.training.balance.contract import Array, State
from cotune.training.balance.record import Record
from cotune.training.example import Example


@dataclass(frozen=True)
class Memory:
    """What is remembered between steps: the balancer's state, the batch before with its losses [task], the record.

    `confidence` is how sure the model was of rows, where the balancer asks.
    """

    state: State
    last: tuple[Sequence[Example], Array] | None = None
    record: Record = field(default_factory=Record)
    confidence: Confidence = field(default_factory=Confidence)
