"""Recent tensors: as many as a number of bytes holds, of which the least recently used leave first."""

from collections import OrderedDict

import torch


class Recent:
    """Tensors by key, up to `most_bytes`; what has to leave is handed back.

    >>> recent = Recent(8)
    >>> recent.put("a", torch.zeros(2)), list(recent.put("b", torch.zeros(1)))
    ({}, ['a'])
    """

    def __init__(self, most_bytes: int) -> None:
        self._tensors: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._given = most_bytes
        self._most = most_bytes
        self._held = 0

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

    def get(self, key: str) -> torch.Tensor:
        """Gives a tensor, which is the most recently used from now on.

        Raises:
            KeyError: it is not there.
        """
        self._tensors.move_to_end(key)
        return self._tensors[key]

    def put(self, key: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
        """Keeps a tensor, and gives those that leave for it: itself where it is too large."""
        if key in self._tensors:
            self._held -= self._tensors.pop(key).nbytes
        self._tensors[key] = tensor
        self._held += tensor.nbytes
        return self._shed()

    def confine(self, share: float) -> dict[str, torch.Tensor]:
        """Takes at most `share` of the bytes it was given, from now on, and gives the tensors that leave."""
        self._most = min(self._most, int(share * self._given))
        return self._shed()

    def _shed(self) -> dict[str, torch.Tensor]:
        left: dict[str, torch.Tensor] = {}
        while self._held > self._most:
            key, tensor = self._tensors.popitem(last=False)
            self._held -= tensor.nbytes
            left[key] = tensor
        return left
