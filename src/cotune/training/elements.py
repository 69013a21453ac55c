"""Construction of auxiliary rows: a language model names elements of texts, refined until they show the label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from cotune.task import Row, Task
from cotune.tasks.elements import Item, question, question_again, text_of, with_elements
from cotune.tasks.kinds import FORMATS
from cotune.training.choice import choose_decoder
from cotune.training.decoder import Decoder, Generation
from cotune.training.encode import Encoder
from cotune.training.forest import PACK_TOKENS
from cotune.training.likelihood import probabilities
from cotune.training.loaded import check_length
from cotune.training.memory import within_memory
from cotune.training.model import load_model
from cotune.training.saved import is_adapter, put_on
from cotune.training.scoring import drawn_rows
from cotune.training.settings import Lora, Train
from cotune.trial import Progress

LONGEST_ELEMENT = 16
"""Tokens: a few words."""

TOGETHER = 32
"""Rows that are asked together; what a model has read of them is kept in memory meanwhile."""

HELD_OUT = 0.1
"""Held-out rows as a share of the train rows, as where a dataset has its splits made."""

ASKING = Task("elements", "generation", template=FORMATS["generation"].template("elements", ()))


class Drawn(NamedTuple):
    """The rows of a classification whose elements become train, dev and test rows of an auxiliary dataset."""

    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]


def draw(task: Task, *, count: int | None, seed: int) -> Drawn:
    """Gives `count` train rows of `task` (None: all), and two parts of its dev rows, each a tenth of that if there are.

    An auxiliary dataset without held-out rows would have them made of its train rows. The leak check would then find
    the same texts in the task's own train rows, and drop those. The task's test rows stay unread.

    Raises:
        ValueError: there are no train rows, or fewer than two dev rows.
    """
    train = drawn_rows(task, "train", count=count, seed=seed)
    dev, test = held_rows(task, len(train), seed=seed)
    if not train or not test:
        raise ValueError(
            f"Dataset {task.name!r} has {len(train)} train and {len(dev)} dev rows; elements need one train row, and "
            "two dev rows to be scored on."
        )
    return Drawn(train, dev, test)


def held_rows(task: Task, trained: int, *, seed: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Gives two parts of the dev rows, each a tenth of `trained` if there are so many, at least one."""
    held = drawn_rows(task, "dev", count=2 * max(1, round(HELD_OUT * trained)), seed=seed)
    return held[::2], held[1::2]


@dataclass(frozen=True)
class Asker:
    """A language model as one asks it, in prompts of at most `max_length` tokens with their answer."""

    name: str
    decoder: Decoder
    encoder: Encoder
    max_length: int

    def names(self, questions: Sequence[str]) -> list[str]:
        """Gives the first line of its greedy answer to each question, of at most 16 tokens; "" if it says nothing."""
        rows = [Row(str(number), {"input": text}, "") for number, text in enumerate(questions)]
        examples = self.encoder.examples(ASKING, rows, max_length=self.max_length, keep_all=True)
        generation = Generation(self.encoder.end, LONGEST_ELEMENT, TOGETHER)
        read = within_memory(lambda limit: self.decoder.read(examples, limit=limit, generation=generation), PACK_TOKENS)
        return [_first_line(self.encoder.decode(reading.output)) for reading in read]

    def labels(self, task: Task, rows: Sequence[Row]) -> torch.Tensor:
        """Gives how likely each label of `task` is for each row, [row, label].

        Raises:
            ValueError: a likelihood is not finite.
        """
        examples = self.encoder.examples(task, rows, max_length=self.max_length, keep_all=True)
        labels = self.encoder.labels(task)
        found = within_memory(lambda limit: probabilities(self.decoder, examples, labels, limit=limit), PACK_TOKENS)
        if not bool(found.isfinite().all()):
            raise ValueError(
                f"The model {self.name!r} gives likelihoods that are no numbers; set train.dtype to float32."
            )
        return found


def load_asker(
    name: str,
    train: Train,
    *,
    max_length: int,
    trained: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Asker:
    """Gives the model `name` to be asked, loaded as `train` says.

    `trained` is a folder that a training saved: an adapter on it, or a whole model in its place.

    Raises:
        ValueError: it cannot be loaded, or reads fewer tokens; the adapter is not of this model.
    """
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    whole = trained is not None and not is_adapter(trained)
    model = load_model(str(trained) if whole else name, train=train, lora=Lora(), progress=progress)
    if trained is not None and not whole:
        put_on(model, trained)
    longest = max_length + LONGEST_ELEMENT
    check_length(model.module.config.get_text_config().to_dict(), longest)
    encoder = Encoder(model.tokenizer, style=train.prompt_style)
    return Asker(model.name, choose_decoder(model, None, longest=longest), encoder, max_length)


def construct(
    asker: Asker,
    task: Task,
    rows: Sequence[Row],
    elements: Sequence[str],
    *,
    rounds: int,
    tell: Callable[[int], None] = lambda _: None,
) -> list[Item]:
    """Gives the elements of each row with their confidence; `tell` is told how many rows are done.

    Source: Lai et al. (2025), "Multi-Task Learning with LLMs for Implicit Sentiment Analysis: Data-level and Task-level
    Automatic Weight Learning": a generative model names sentiment elements, refines them by itself against the gold
    polarity, and gives a confidence score with each. Our readings: elements are asked for apart; they are refined where
    another label than the gold one is the most likely with them, by telling the label and what was said, at most
    `rounds` times; kept are those with which the gold label is the most likely, else is likeliest; the confidence is
    its probability among the labels, for all elements of a row alike. The paper asks a large model; any may be asked.

    Cost: for each row an output for each element and a reading of all labels, at most 1 + `rounds` times.

    Raises:
        ValueError: a likelihood is not finite.
        TrialError: memory runs out even in the smallest packs.
    """
    made: list[Item] = []
    for start in range(0, len(rows), TOGETHER):
        made += _refined(asker, task, rows[start : start + TOGETHER], elements, rounds)
        tell(len(made))
    return made


def _refined(asker: Asker, task: Task, rows: Sequence[Row], elements: Sequence[str], rounds: int) -> list[Item]:
    firsts = [[question(element, text_of(task, row)) for element in elements] for row in rows]
    best = last = _judged(asker, task, rows, _asked(asker, elements, firsts), made_in=0)
    for number in range(1, rounds + 1):
        doubtful = [place for place, item in enumerate(best) if not item.is_shown]
        if not doubtful:
            break
        pending = [last[place] for place in doubtful]
        again = [[question_again(task, item.row, *said) for said in item.elements.items()] for item in pending]
        asked = _asked(asker, elements, again)
        refined = _judged(asker, task, [item.row for item in pending], asked, made_in=number)
        newest = dict(zip(doubtful, refined, strict=True))
        last = [newest.get(place, item) for place, item in enumerate(last)]
        best = [_better(item, newest.get(place, item)) for place, item in enumerate(best)]
    return best


def _asked(asker: Asker, elements: Sequence[str], questions: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Gives the answers by element for each row's questions, [row][element]."""
    answers = iter(asker.names([text for texts in questions for text in texts]))
    return [{element: next(answers) for element in elements} for _ in questions]


def _judged(
    asker: Asker, task: Task, rows: Sequence[Row], asked: Sequence[Mapping[str, str]], *, made_in: int
) -> list[Item]:
    pairs = list(zip(rows, asked, strict=True))
    likely = asker.labels(task, [with_elements(task, row, said) for row, said in pairs])  # [row, label]
    gold = [task.labels.index(str(row.answer)) for row in rows]
    return [
        Item(row, said, float(own[place]), int(own.argmax()) == place, made_in)
        for (row, said), own, place in zip(pairs, likely, gold, strict=True)
    ]


def _better(one: Item, other: Item) -> Item:
    """Gives the item that shows the label, or shows it better; of equal ones the first."""
    return max(one, other, key=lambda item: (item.is_shown, item.confidence))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.strip().splitlines()), "")
