"""Networks that read a mixture as a set of datasets: pooled embeddings, with or without attention among them."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class SetNetwork:
    """An ensemble of set networks, trained all at once on parts [mixture, task].

    Zaheer et al. (2017), Deep Sets, theorem 2: an embedding of each dataset goes through a layer, those that are in are
    averaged, and a second network reads the mean, to which we add the logarithm of the size. With `attends`, a head of
    attention among the datasets that are in comes first (Lee et al. 2019, Set Transformer, equation 6, without its
    normalisation). Loss, optimiser and weights of trials are those of `cotune.search.Ensemble`.
    """

    seed: int
    attends: bool = False
    members: int = 4
    width: int = 16
    steps: int = 100
    rate: float = 0.01
    weights: Weights = field(default_factory=dict, repr=False)
    scaling: tuple[Array, Array] = field(default=(np.zeros(0), np.ones(0)), repr=False)

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the ensemble trained on parts `x` [trial, task] and scores `y` [trial, output]."""
        torch.manual_seed(self.seed)
        rng = np.random.default_rng(self.seed)
        spread = np.where(y.std(axis=0) > 1e-12, y.std(axis=0), 1.0)
        outputs = torch.tensor((y - y.mean(axis=0)) / spread, dtype=torch.float64)
        trial_weights = torch.tensor(rng.dirichlet(np.ones(len(x)), self.members), dtype=torch.float64)
        weights = self._initial(x.shape[1], y.shape[1])
        optimiser = torch.optim.AdamW(weights.values(), lr=self.rate, weight_decay=0.1)
        inside = torch.tensor(x > 0, dtype=torch.float64)
        for _ in range(self.steps):
            optimiser.zero_grad(set_to_none=True)
            error = ((self._forward(weights, inside) - outputs) ** 2).mean(dim=2)  # [member, trial]
            (error * trial_weights).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        found = {name: weight.detach() for name, weight in weights.items()}
        return replace(self, weights=found, scaling=(y.mean(axis=0), spread))

    def predict(self, x: Array) -> Array:
        """Gives each member's scores [sample, mixture, output] at parts `x` [mixture, task].

        Raises:
            ValueError: it is not fitted.
        """
        if not self.weights:
            raise ValueError("A set network predicts after `fit`; call `fit(x, y)` and use what it returns.")
        found = self._forward(self.weights, torch.tensor(x > 0, dtype=torch.float64)).numpy()
        return np.asarray(found * self.scaling[1] + self.scaling[0], dtype=float)

    def _forward(self, weights: Weights, inside: torch.Tensor) -> torch.Tensor:
        """Gives standardised scores [member, mixture, output] of which datasets are in [mixture, task]."""
        size = inside.sum(dim=1, keepdim=True)  # [mixture, 1]
        each = weights["embedding"]  # [member, task, unit]
        if self.attends:
            logits = (each @ weights["query"]) @ (each @ weights["key"]).transpose(1, 2) / self.width**0.5
            masked = logits[:, None] + torch.log(inside)[None, :, None, :]  # [member, mixture, task, task]
            told = torch.softmax(masked, dim=3) @ (each @ weights["value"])[:, None]  # [member, mixture, task, unit]
            units = torch.relu(each[:, None] + told)
            pooled = (units * inside[None, :, :, None]).sum(dim=2) / size
        else:
            pooled = inside @ torch.relu(each @ weights["value"]) / size  # [member, mixture, unit]
        known = torch.cat([pooled, torch.log(size).expand(len(each), -1, -1)], dim=2)
        hidden = torch.relu(known @ weights["first"] + weights["first_bias"])
        return hidden @ weights["last"] + weights["last_bias"]

    def _initial(self, tasks: int, outputs: int) -> Weights:
        n, m = self.width, self.members
        shapes = {"embedding": (tasks, n), "value": (n, n), "first": (n + 1, 2 * n), "last": (2 * n, outputs)}
        shapes |= {"query": (n, n), "key": (n, n)} if self.attends else {}
        drawn = {name: _normal(m, *shape) * (2 / shape[0]) ** 0.5 for name, shape in shapes.items()}
        drawn["embedding"] = _normal(m, tasks, n)
        drawn |= {"first_bias": 0 * _normal(m, 1, 2 * n), "last_bias": 0 * _normal(m, 1, outputs)}
        return {name: weight.requires_grad_() for name, weight in drawn.items()}


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)
