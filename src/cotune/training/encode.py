"""Encoding: rows become tokens, and tokens become text again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from cotune.task import Row, Task
from cotune.tasks import candidates, render
from cotune.tasks.kinds.items import text_answer
from cotune.training.example import Example
from cotune.training.pieces import beginnings, pieces

LEAST_PROMPT = 8
PROBE = "cotune"

Turns = tuple[tuple[str, str], ...]
"""Chat turns as (role, content)."""


class Encoder:
    """Turns rows into examples for one tokenizer, as chat turns where it has a template for them.

    `end` is the token that ends an answer: the end of the assistant's turn in a chat, else the end of text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, style: str = "auto") -> None:
        """Makes an encoder; `style` is "auto", "chat" or "plain".

        Raises:
            ValueError: the tokenizer has no end of text, or no chat template though `style` asks for one.
        """
        if style == "chat" and not tokenizer.chat_template:
            raise ValueError(
                "train.prompt_style is 'chat', but the model's tokenizer has no chat template. Use 'plain'."
            )
        if tokenizer.eos_token_id is None:
            raise ValueError("The model's tokenizer names no end of text. Set eos_token in its tokenizer_config.json.")
        self._tokenizer = tokenizer
        self.is_chat = style != "plain" and bool(tokenizer.chat_template)
        self._end_of_text = int(tokenizer.eos_token_id)
        self.end = self._end_of_turn() if self.is_chat else self._end_of_text

    def examples(self, task: Task, rows: Sequence[Row], *, max_length: int, keep_all: bool = False) -> list[Example]:
        """Gives `rows` as examples of at most `max_length` tokens.

        An over-long prompt loses its middle: its beginning holds the instruction, its end asks for the answer. A row
        whose answer leaves no room for 8 tokens of prompt is dropped, or with `keep_all` its answer is cut. An
        over-long text becomes several examples (see `pieces`), or with `keep_all` it is cut.
        """
        if task.kind == "text":
            texts = self.texts(task, rows)
            return beginnings(texts, max_length) if keep_all else pieces(texts, max_length)
        rendered = [render(task, row) for row in rows]
        prompts = self._prompts([text.messages for text in rendered], [text.prompt for text in rendered])
        answers = self._answers([text.completion for text in rendered])
        return _in_common(
            _fit(Example(task.name, row.id, tuple(prompt), tuple(answer)), max_length)
            for row, prompt, answer in zip(rows, prompts, answers, strict=True)
            if keep_all or len(answer) + LEAST_PROMPT <= max_length
        )

    def texts(self, task: Task, rows: Sequence[Row]) -> list[Example]:
        """Gives unlabelled texts as examples of any length: a beginning, the text, and the end of text.

        In every style: a text is no turn of a chat. Its beginning is what an empty plain prompt is.
        """
        (begin,) = self._plain([""])
        found = self._tokens([text_answer(row.answer) for row in rows])
        return [
            Example(task.name, row.id, tuple(begin), (*ids, self._end_of_text), cuts=(len(begin),))
            for row, ids in zip(rows, found, strict=True)
        ]

    def unanswered(self, task: Task, rows: Sequence[Row], *, max_length: int) -> list[Example]:
        """Gives `rows` as examples whose answer is the end alone; whatever their answers are changes nothing."""
        rendered = [render(task, row) for row in rows]
        prompts = self._prompts([text.messages for text in rendered], [text.prompt for text in rendered])
        return _in_common(
            _fit(Example(task.name, row.id, tuple(prompt), (self.end,)), max_length)
            for row, prompt in zip(rows, prompts, strict=True)
        )

    def answer_lengths(self, task: Task, rows: Sequence[Row]) -> list[int]:
        """Gives the length in tokens of each row's answer with its end."""
        return [len(answer) for answer in self._answers([render(task, row).completion for row in rows])]

    def labels(self, task: Task) -> list[tuple[int, ...]]:
        """Gives the labels of a classification task as answers."""
        return [tuple(answer) for answer in self._answers([f" {label}" for label in candidates(task)])]

    def decode(self, tokens: Sequence[int]) -> str:
        """Gives the text of an output."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _prompts(self, turns: Sequence[Turns], texts: Sequence[str]) -> list[list[int]]:
        if self.is_chat:
            return self._tokens([self._chat(messages) for messages in turns])
        return self._plain(texts)

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        end = self._end_of_text
        first = self._tokenizer.bos_token_id if self._tokenizer.bos_token_id is not None else end
        plain = self._tokens(texts, add_special_tokens=True)
        return [(ids[:-1] if ids[-1:] == [end] else ids) or [first] for ids in plain]

    def _answers(self, completions: Sequence[str]) -> list[list[int]]:
        texts = [text.strip() if self.is_chat else text for text in completions]
        return [[*ids, self.end] for ids in self._tokens(texts)]

    def _tokens(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[list[int]]:
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=add_special_tokens, verbose=False)
        return [list(ids) for ids in encoded["input_ids"]]

    def _chat(self, turns: Turns, *, is_open: bool = True) -> str:
        """Gives the text of a chat, `is_open` for the assistant's turn; a template may know no system role."""
        try:
            return self._apply(turns, is_open)
        except TemplateError:
            if len(turns) < 2 or turns[0][0] != "system":
                raise
            (_, instruction), (role, content), *rest = turns
            return self._apply(((role, f"{instruction}\n{content}"), *rest), is_open)

    def _apply(self, turns: Turns, is_open: bool) -> str:
        chat = [{"role": role, "content": content} for role, content in turns]
        return str(self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=is_open))

    def _end_of_turn(self) -> int:
        """Gives the special token that the chat template puts after an answer, else the end of text."""
        question = (("user", PROBE),)
        closed = self._chat((*question, ("assistant", PROBE)), is_open=False)
        tail = closed.removeprefix(self._chat(question)).removeprefix(PROBE)
        special = set(self._tokenizer.all_special_ids) | set(self._tokenizer.added_tokens_decoder)
        first = self._tokens([tail])[0][:1]
        return first[0] if first and first[0] in special else self._end_of_text


def common_length(sequences: Sequence[Sequence[int]]) -> int:
    """Gives how many leading items all sequences have in common.

    >>> common_length([(1, 2, 3), (1, 2, 4)])
    2
    """
    same = 0
    for column in zip(*sequences, strict=False):
        if len(set(column)) > 1:
            break
        same += 1
    return same


def _fit(example: Example, max_length: int) -> Example:
    """Cuts an example to `max_length` tokens, marked as truncated if anything had to go."""
    if example.tokens <= max_length:
        return example
    answer = example.answer[: max_length - LEAST_PROMPT]
    room = max_length - len(answer)
    prompt = example.prompt
    if len(prompt) > room:
        prompt = prompt[: (room + 1) // 2] + prompt[len(prompt) - room // 2 :]
    return Example(example.task, example.id, prompt, answer, truncated=True)


def _in_common(examples: Iterable[Example]) -> list[Example]:
    """Gives examples cut where their prompts cease to be the same."""
    made = list(examples)
    common = common_length([example.prompt for example in made])
    return [replace(example, cuts=(common,)) for example in made]
