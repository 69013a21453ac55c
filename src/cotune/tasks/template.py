"""Templates: checked when they are made, then filled without reading braces in the data."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from string import Formatter

from cotune.task import Template

_RESERVED = frozenset("\\|:")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Gives `text` with each {placeholder} replaced; braces inside the values stay as they are.

    >>> fill("Text: {text}", {"text": "a {b}"})
    'Text: a {b}'
    """
    parts = Formatter().parse(text)
    return "".join(literal + ("" if name is None else values[name]) for literal, name, _, _ in parts)


def check_template(template: Template, fields: Iterable[str], *, extraction: bool) -> None:
    """Checks that a template names known placeholders and that its separator cannot be mistaken for text.

    Raises:
        ValueError: names the placeholder or the separator, and the remedy.
    """
    known = [*fields, "labels"]
    _check_placeholders("instruction", template.instruction, known)
    if not _check_placeholders("prompt", template.prompt, known):
        raise ValueError(f"A template's prompt names at least one field of {known}; got {template.prompt!r}.")
    if not extraction:
        return
    core = template.separator.strip()
    if not template.separator or any(sign.isalnum() or sign in _RESERVED for sign in core):
        raise ValueError(
            f"A separator is signs, but no letters, digits, ':', '|', '\\', like '; '; got {template.separator!r}."
        )
    if not core and "\n" not in template.separator:
        raise ValueError(f"A separator is more than spaces; got {template.separator!r}. Use '; ' or a line end.")
    if not template.empty.strip() or template.empty.strip() != template.empty or "\n" in template.empty:
        raise ValueError(f"The answer for 'nothing found' is one line of text, like 'none'; got {template.empty!r}.")


def _check_placeholders(part: str, text: str, known: list[str]) -> int:
    try:
        names = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise ValueError(f"Template {part} {text!r}: {error}. Write {{{{ and }}}} for plain braces.") from None
    for name, spec, conversion in names:
        if name in known and not spec and not conversion:
            continue
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {{{near[0]}}}?" if near else ""
        raise ValueError(f"Template {part} has an unknown placeholder {{{name}}}; it may name {known}.{hint}")
    return sum(name != "labels" for name, _, _ in names)
