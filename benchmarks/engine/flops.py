"""Floating point operations of the work, as they are usually counted: two for each weight and token that meet."""

from dataclasses import dataclass

from torch import nn

from cotune.training.lora import adapted
from cotune.training.model import LanguageModel
from cotune.training.settings import Lora


@dataclass(frozen=True)
class Weights:
    """Numbers of weights: of one layer, of the output layer, of the adapter; and the layers, of which `top` train."""

    layer: int
    head: int
    adapter: int
    layers: int
    top: int

    @classmethod
    def of(cls, model: LanguageModel, lora: Lora) -> "Weights":
        """Counts the weights of a model; an adapter is put on and taken off."""
        head = model.module.get_output_embeddings().weight.numel()
        with adapted(model, lora, seed=0) as trainee:
            adapter = _count(trainee.parameters)
        layers = len(model.layers)
        return cls(_count(list(model.layers[0].parameters())), head, adapter, layers, lora.top or layers)

    def flops(self, *, trained: int, scored: int, trained_answers: int, scored_answers: int, cut: bool) -> float:
        """Gives the operations on so many tokens, attention over the past and norms left out.

        A frozen layer takes 2 a weight; one with an adapter also 2 to hand gradients on; the adapter 6, 2 in scoring.
        The output layer meets answer tokens only. With `cut` the layers below the adapted ones are not counted.
        """
        run = self.top if cut else self.layers
        forward = 2 * self.layer * run
        training = trained * (forward + 2 * self.layer * self.top + 6 * self.adapter)
        output = self.head * (4 * trained_answers + 2 * scored_answers)
        return float(training + scored * (forward + 2 * self.adapter) + output)


def _count(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
