"""Checked access to the values of a row that was read from outside."""

from collections.abc import Mapping, Sequence

from cotune.tasks.kinds.format import Values


def text_of(values: Values, column: str) -> str:
    """Gives the text of `column` without outer white space; numbers become text.

    Raises:
        ValueError: the value is missing, empty or not text.
    """
    text = loose_text_of(values, column)
    if not text:
        raise ValueError(f"column {column!r} is empty; give the row a text or remove it")
    return text


def loose_text_of(values: Values, column: str) -> str:
    """Gives the text of `column` without outer white space; a missing value is the empty text.

    Raises:
        ValueError: the value is neither text nor a number.
    """
    value = values.get(column)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"column {column!r} is text; found {type(value).__name__} {str(value)[:60]!r}")


def list_of(values: Values, column: str) -> Sequence[object]:
    """Gives the list in `column`.

    Raises:
        ValueError: the value is missing or not a list.
    """
    value = values.get(column)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ValueError(f"column {column!r} is a list; found {type(value).__name__} {str(value)[:60]!r}")


def texts_of(values: Values, column: str) -> list[str]:
    """Gives the list of texts in `column`.

    Raises:
        ValueError: the value is not a list of texts.
    """
    items = list_of(values, column)
    for item in items:
        if not isinstance(item, str):
            raise ValueError(
                f"column {column!r} is a list of texts; found {type(item).__name__} {item!r} in it "
                "(numbers stand for names that the file does not give: write the names)"
            )
    return [str(item) for item in items]


def objects_of(values: Values, column: str) -> list[Values]:
    """Gives the list of objects in `column`; a mapping of lists, as column stores make of it, is turned back.

    Raises:
        ValueError: the value is neither.
    """
    value = values.get(column)
    if isinstance(value, Mapping):
        return transposed(value, column)
    objects: list[Values] = []
    for item in list_of(values, column):
        if not isinstance(item, Mapping):
            raise ValueError(f"column {column!r} is a list of objects; found {type(item).__name__} in it")
        objects.append(item)
    return objects


def transposed(columns: Mapping[object, object], column: str) -> list[Values]:
    """Gives the rows of a mapping from names to equally long lists."""
    lists = {str(name): list_of({str(name): value}, str(name)) for name, value in columns.items()}
    lengths = {len(items) for items in lists.values()}
    if len(lengths) > 1:
        raise ValueError(f"the lists in column {column!r} are equally long; found lengths {sorted(lengths)}")
    count = lengths.pop() if lengths else 0
    return [{name: items[index] for name, items in lists.items()} for index in range(count)]
