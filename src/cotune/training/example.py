"""Examples: rows as tokens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One row as tokens: the prompt, then the answer with its end of text.

    `cuts` are positions up to which other examples have the same tokens, so that the work on them can be shared.
    `truncated` tells that tokens were left out to keep within the longest length. `scale` is a factor on what the
    trained layers are given of its own prompt (see `own`).
    """

    task: str
    id: str
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    cuts: tuple[int, ...] = ()
    truncated: bool = False
    scale: float = 1.0

    @property
    def ids(self) -> tuple[int, ...]:
        """All tokens."""
        return self.prompt + self.answer

    @property
    def inputs(self) -> tuple[int, ...]:
        """The tokens that a model is given: all but the last, after which nothing is predicted."""
        return self.ids[:-1]

    @property
    def tokens(self) -> int:
        """How many tokens it trains with: prompt, answer and end of text."""
        return len(self.prompt) + len(self.answer)

    @property
    def own(self) -> range:
        """Positions of the prompt that its task's rows do not have in common; the last one if there are none."""
        last = len(self.prompt) - 1
        return range(min(self.cuts[0] if self.cuts else 0, last), last + 1)

    @property
    def predictors(self) -> range:
        """Positions whose output predicts the answer: from the prompt's last token to the one before the end."""
        return range(len(self.prompt) - 1, self.tokens - 1)
