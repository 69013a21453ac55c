"""Free text: input and output, prompt and completion, instructions, questions and chats; the answer is the text."""

from collections.abc import Mapping

from cotune.task import Answer, Row, Task, Template
from cotune.tasks.kinds.format import Content, Format, Layout, Values
from cotune.tasks.kinds.items import text_answer
from cotune.tasks.kinds.values import list_of, loose_text_of, objects_of, text_of

_ROLES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "chatbot"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}


def read_input(values: Values) -> Content:
    """Reads an input and its output."""
    return Content({"input": text_of(values, "input")}, loose_text_of(values, "output"))


def read_prompt(values: Values) -> Content:
    """Reads a prompt and its completion, as texts or as messages."""
    if isinstance(values.get("prompt"), str):
        return Content({"input": text_of(values, "prompt")}, loose_text_of(values, "completion"))
    return _chat([*objects_of(values, "prompt"), *objects_of(values, "completion")])


def read_instruction(values: Values) -> Content:
    """Reads an instruction, perhaps with an input, and its output (Alpaca rows)."""
    parts = [text_of(values, "instruction"), loose_text_of(values, "input")]
    return Content({"input": "\n".join(filter(None, parts))}, loose_text_of(values, "output"))


def read_question(values: Values) -> Content:
    """Reads a question, perhaps with a context, and its answer; of several answers (SQuAD rows) the first."""
    answer = values.get("answer")
    texts = answer.get("text") if isinstance(answer, Mapping) else answer
    if isinstance(texts, list):
        texts = next(iter(list_of({"answer": texts}, "answer")), "")
    parts = [loose_text_of(values, "context"), text_of(values, "question")]
    return Content({"input": "\n".join(filter(None, parts))}, loose_text_of({"answer": texts}, "answer"))


def read_messages(values: Values) -> Content:
    """Reads a chat in `role` and `content`, or in `from` and `value` (ShareGPT rows), up to the last assistant turn."""
    return _chat(objects_of(values, "messages"))


def _chat(items: list[Values]) -> Content:
    turns = [_turn(item) for item in items]
    while turns and turns[-1][0] != "assistant":
        turns.pop()
    if len(turns) < 2:
        raise ValueError("a chat has a user turn and an assistant turn after it; found none")
    inputs = [content for role, content in turns[:-1] if role == "user"]
    if not inputs:
        raise ValueError("a chat has a user turn before the last assistant turn; found none")
    return Content({"input": inputs[-1]}, turns[-1][1], tuple(turns[:-1]))


def _turn(item: Values) -> tuple[str, str]:
    sharegpt = "from" in item
    role = text_of(item, "from" if sharegpt else "role")
    if role not in _ROLES:
        raise ValueError(f"a chat turn's role is one of {sorted(set(_ROLES.values()))}; found {role!r}")
    return _ROLES[role], loose_text_of(item, "value" if sharegpt else "content")


def names(_: Answer) -> tuple[frozenset[str], frozenset[str]]:
    """Gives no labels and no roles."""
    return frozenset(), frozenset()


def template(_: str, __: tuple[str, ...]) -> Template:
    """Gives the default template: the input and a cue for the output."""
    return Template("", "{input}\nAnswer:", empty="")


def write(_: Task, row: Row) -> str:
    """Gives the output as it is."""
    return text_answer(row.answer)


def parse(_: Task, __: Row, output: str) -> str:
    """Gives the output without outer white space."""
    return output.strip()


GENERATION = Format(
    fields=("input",),
    layouts=(
        Layout({"messages": ("messages", "conversations", "conversation")}, read_messages),
        Layout(
            {"prompt": ("prompt",), "completion": ("completion", "response")},
            read_prompt,
            template=Template("", "{input}", empty=""),
        ),
        Layout(
            {"instruction": ("instruction",), "output": ("output", "response")},
            read_instruction,
            {"input": ("input", "context")},
        ),
        Layout(
            {"question": ("question",), "answer": ("answer", "answers")},
            read_question,
            {"context": ("context", "passage")},
        ),
        Layout(
            {
                "input": ("input", "source", "document", "article", "dialogue"),
                "output": ("output", "target", "summary", "highlights"),
            },
            read_input,
        ),
    ),
    names=names,
    template=template,
    write=write,
    parse=parse,
    metrics=("rouge_l", "token_f1", "exact_match"),
)
