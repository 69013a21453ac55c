"""Halted trainings: what stopped ones need to go on, kept in memory up to a number of bytes."""

from collections import OrderedDict

from cotune.training.rungs import Halt
from cotune.trial import Request

HALTED_BYTES = 256 << 20


class Halted:
    """Trainings that were stopped, by request; the one stopped longest ago leaves first when there is no more room.

    What left is trained again from the start if it is asked for, to the same end.
    """

    def __init__(self, most_bytes: int = HALTED_BYTES) -> None:
        self._kept: OrderedDict[Request, Halt] = OrderedDict()
        self._room = most_bytes

    def put(self, request: Request, halt: Halt) -> None:
        """Keeps `halt`, unless it alone takes more than there is."""
        self.take(request)
        self._kept[request] = halt
        self._room -= halt.nbytes
        while self._room < 0:
            self._room += self._kept.popitem(last=False)[1].nbytes

    def take(self, request: Request) -> Halt | None:
        """Gives what was kept of a request, and keeps it no longer; None if there is nothing."""
        halt = self._kept.pop(request, None)
        self._room += halt.nbytes if halt else 0
        return halt
