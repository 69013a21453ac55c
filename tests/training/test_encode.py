"""Rows become tokens that hold the whole answer, and the end of text is the model's own."""

from dataclasses import replace

import pytest
import tiny

from cotune.task import Row, Task, Template
from cotune.training.encode import Encoder
from cotune.training.forest import leaf


def text_task(inputs, answer="cat"):
    rows = [Row(str(index), {"input": text}, answer) for index, text in enumerate(inputs)]
    return Task("t", "generation", {"train": rows}, template=Template("Repeat.", "{input}\nAnswer:"))


def encoded(task, *, max_length=200, keep_all=False, chat=False, style="auto"):
    encoder = Encoder(tiny.make_tokenizer(chat=chat), style=style)
    return encoder, encoder.examples(task, task.rows["train"], max_length=max_length, keep_all=keep_all)


def test_plain_text_is_prompt_answer_and_end_of_text():
    encoder, (example,) = encoded(text_task(["dog"]))
    assert encoder.decode(example.prompt) == "Repeat.\ndog\nAnswer:"
    assert encoder.decode(example.answer) == " cat"
    assert example.answer[-1] == encoder.end == 0
    assert not example.truncated


def test_a_chat_uses_the_template_and_ends_with_the_turn():
    encoder, (example,) = encoded(text_task(["dog"]), chat=True)
    tokenizer = tiny.make_tokenizer(chat=True)
    assert tokenizer.decode(example.prompt) == "<turn>user: Repeat.\ndog\nAnswer:<over><turn>assistant: "
    assert tokenizer.decode(example.answer) == "cat<over>"
    assert encoder.end == tokenizer.convert_tokens_to_ids("<over>") != tokenizer.eos_token_id


def test_plain_style_overrides_a_chat_template():
    _, (chat,) = encoded(text_task(["dog"]), chat=True, style="plain")
    _, (plain,) = encoded(text_task(["dog"]))
    assert chat == plain


def test_a_template_without_system_role_gets_the_instruction_in_the_first_turn():
    tokenizer = tiny.make_tokenizer(chat=True)
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        + tiny.CHAT_TEMPLATE
    )
    row = Row("a", {}, "cat", messages=(("user", "dog"),))
    task = Task("t", "generation", {"train": [row]}, template=Template("Repeat.", "{input}"))
    (example,) = Encoder(tokenizer).examples(task, [row], max_length=200)
    assert tokenizer.decode(example.prompt) == "<turn>user: Repeat.\ndog<over><turn>assistant: "


def test_an_over_long_prompt_loses_its_middle_and_says_so():
    encoder, (short, long) = encoded(text_task(["dog", "dog " * 100]), max_length=48)
    text = encoder.decode(long.prompt)
    assert long.tokens == 48
    assert text.startswith("Repeat.")
    assert text.endswith("Answer:")
    assert long.answer == short.answer
    assert (short.truncated, long.truncated) == (False, True)


def test_a_row_whose_answer_does_not_fit_is_dropped_in_training_and_cut_in_scoring():
    task = replace(text_task(["dog"]), rows={"train": [Row("a", {"input": "dog"}, "dog " * 100)]})
    assert encoded(task, max_length=48)[1] == []
    (cut,) = encoded(task, max_length=48, keep_all=True)[1]
    assert cut.tokens == 48
    assert len(cut.answer) == 40
    assert cut.truncated


def test_rows_share_the_node_of_what_they_have_in_common():
    _, examples = encoded(text_task(["dog cat", "fig dog", "pear"]))
    roots = {leaf(example).line[0] for example in examples}
    assert len(roots) == 1
    assert all(len(leaf(example).line) == 2 for example in examples)


def test_an_empty_prompt_still_has_a_token_to_predict_from():
    row = Row("a", {"input": " "}, "cat")
    task = Task("t", "generation", {"train": [row]}, template=Template("", "{input}"))
    encoder = Encoder(tiny.make_tokenizer())
    (example,) = encoder.examples(task, [row], max_length=20)
    assert example.prompt == (encoder.end,)


def test_labels_are_whole_answers():
    encoder = Encoder(tiny.make_tokenizer())
    labels = encoder.labels(tiny.group_task())
    assert [encoder.decode(label) for label in labels] == [" animal", " fruit"]
    assert all(label[-1] == encoder.end for label in labels)


def test_a_tokenizer_without_end_of_text_is_refused():
    tokenizer = tiny.make_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(ValueError, match="names no end of text"):
        Encoder(tokenizer)
    with pytest.raises(ValueError, match="no chat template"):
        Encoder(tiny.make_tokenizer(), style="chat")
