"""Records: rows of JSON lines, JSON, CSV, TSV and Parquet files as mappings, each with its file and line."""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple, NoReturn

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""The files that can be read."""


class Record(NamedTuple):
    """One row as it stands in a file, and where: `file:line`."""

    where: str
    values: Mapping[str, object]


def read_records(path: Path) -> list[Record]:
    """Gives the rows of a file; byte-order marks, Windows line ends and blank lines do not matter.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: it has no rows, is not UTF-8, or has a line that is no row; names file and line.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: a dataset file ends in one of {list(SUFFIXES)}; got {suffix!r}.")
    records = list(_parquet(path) if suffix == ".parquet" else _text_records(path, suffix))
    if not records:
        raise ValueError(f"{path}: the file has no rows. Add rows, or leave it out.")
    return records


def _text_records(path: Path, suffix: str) -> Iterator[Record]:
    text = read_text(path)
    if suffix in (".csv", ".tsv"):
        return _csv(path, text, "\t" if suffix == ".tsv" else ",")
    if suffix == ".json" and text.lstrip().startswith("["):
        return _json(path, text)
    return _json_lines(path, text)


def read_text(path: Path) -> str:
    """Gives the text of a UTF-8 file, without a byte-order mark.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: it is not UTF-8; names file and line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise type(error)(f"{path}: the file cannot be read ({error.strerror}).") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 1].hex()
        raise ValueError(f"{path}:{line}: not UTF-8 (byte 0x{found}). Save the file as UTF-8.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _json_lines(path: Path, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        where = f"{path}:{number}"
        yield Record(where, _object(decode_json(stripped, where), where))


def _json(path: Path, text: str) -> Iterator[Record]:
    items = decode_json(text.strip(), str(path))
    for number, item in enumerate(items if isinstance(items, list) else [], start=1):
        where = f"{path} row {number}"
        yield Record(where, _object(item, where))


def decode_json(text: str, where: str) -> object:
    """Gives the value of a JSON text.

    Raises:
        ValueError: it is not strict JSON, or holds half characters; begins with `where`.
    """
    try:
        value: object = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: an escaped half character (\\ud800 to \\udfff) is no text.") from None
    except json.JSONDecodeError as error:
        place = f"{where}, column {error.colno}" if error.lineno == 1 else f"{where}, line {error.lineno}"
        raise ValueError(f"{place}: not JSON ({error.msg}).") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON ({error}).") from None
    return value


def _object(value: object, where: str) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{where}: a row is a JSON object {{...}}; found {type(value).__name__} {str(value)[:60]!r}.")


def _csv(path: Path, text: str, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise ValueError(f"{path}:1: columns have different names; found {header}.")
        for cells in reader:
            if len(cells) == len(header):
                yield Record(f"{path}:{reader.line_num}", dict(zip(header, cells, strict=True)))
            elif cells:
                found = f"found {len(cells)} cells for {len(header)} columns"
                raise ValueError(f"{path}:{reader.line_num}: a row has a cell for each column of line 1; {found}.")
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: not CSV ({error}).") from None


def _parquet(path: Path) -> Iterator[Record]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ModuleNotFoundError(f"{path}: Parquet files need the package pyarrow: pip install pyarrow") from None
    try:
        rows = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from None
    for number, values in enumerate(rows, start=1):
        yield Record(f"{path} row {number}", values)
