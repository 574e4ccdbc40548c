"""A body's bytes as records: one JSON value, one on each line, or a table with a header (CSV)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import orjson

from sandbox.body import MOST, Unreadable, parse

__all__ = ["FIELDS", "Table", "parsed", "valued"]

FIELDS = ("uniqueId", "customerId", "meterApiName", "meterValue", "meterTimeInMillis")
"""What a cell can hold of the default schema; the rest of it are objects."""
OBJECTS = ("dimensions", "values", "variants")
NUMBERS = {
    "meterValue": re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII),
    # A spreadsheet's 1.61945E+12 is another time than the one that was meant.
    "meterTimeInMillis": re.compile(r"-?(0|[1-9]\d*)", re.ASCII),
}
BOM = b"\xef\xbb\xbf"


def parsed(raw: bytes, *, custom: bool = False) -> Any:
    """One JSON value, or a list of the records of the lines or the table. Raises Unreadable.

    The table of a `custom` schema has whatever columns, and its rows stay as they are.
    """
    try:
        return parse(raw)
    except Unreadable:
        lines = _lines(raw)
        table = None if lines else _rows(raw, known=None if custom else FIELDS)
        if table is None and not lines:
            raise
    if table is not None:
        return table if custom else Table(table)
    return [_line(number, line) for number, line in lines]


class Table(list[dict[str, Any]]):
    """The records of a table, and the `header` it came with."""

    def __init__(self, table: list[dict[str, str]]) -> None:
        super().__init__(_record(row) for row in table)
        self.header = tuple(table[0]) if table else ()


def _lines(raw: bytes) -> list[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers; none where the body is not NDJSON.

    NDJSON is known by its first line, an object complete in itself: malformed JSON that spans
    lines is told of as a whole, and not by its first line.
    """
    lines = [(n, line.strip()) for n, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    if len(lines) < 2:
        return []
    first = lines[0][1]
    return lines if first.startswith(b"{") and first.endswith(b"}") else []


def _line(number: int, line: bytes) -> Any:
    try:
        return parse(line)
    except Unreadable as fault:
        raise Unreadable(fault.fault, f"line {number}: {fault.why}") from fault


def _rows(raw: bytes, known: tuple[str, ...] | None) -> list[dict[str, str]] | None:
    """The rows of a table by its header; None where the body is none. Raises Unreadable.

    A table is known by a header that has one of the `known` names or, where any will do, by rows
    under it (rule amberflo.ingest.csv-form).
    """
    if raw.lstrip().startswith((b"{", b"[")):
        return None
    try:
        lines = _cells(raw.removeprefix(BOM).decode())
        _, header = next(lines, (0, [""]))
    except (UnicodeDecodeError, csv.Error):
        return None
    if known is not None and set(known).isdisjoint(header):
        return None
    try:
        table = list(_under(header, lines))
    except csv.Error as fault:
        raise Unreadable("malformed", f"the table is not CSV: {fault}") from fault
    return table if table or known is not None else None


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, each with its number."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    return ((reader.line_num, cells) for cells in reader if cells)


def _under(header: list[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[dict[str, str]]:
    if "" in header or len(set(header)) < len(header):
        raise Unreadable("malformed", "the header of the table has a blank name, or a name twice")
    for count, (number, cells) in enumerate(lines, 1):
        if count > MOST:
            raise Unreadable("too-large", f"the table has more than {MOST:,} rows")
        if len(cells) != len(header):
            why = f"line {number}: {len(cells)} cells under a header of {len(header)}"
            raise Unreadable("malformed", why)
        yield dict(zip(header, cells, strict=True))


def _record(row: dict[str, str]) -> dict[str, Any]:
    """A row by the default schema: other columns are dimensions (rule amberflo.ingest.csv), and
    blank cells are left out (rule amberflo.ingest.csv-cells)."""
    filled = {name: cell for name, cell in row.items() if cell}
    named = (*FIELDS, *OBJECTS)
    record: dict[str, Any] = {
        name: valued(name, cell) for name, cell in filled.items() if name in named
    }
    dimensions = {name: cell for name, cell in filled.items() if name not in named}
    return ({"dimensions": dimensions} if dimensions else {}) | record


def valued(field: str, cell: str) -> str | int | float:
    """A cell as the number its field wants, if it is one."""
    pattern = NUMBERS.get(field)
    if pattern is None or not pattern.fullmatch(cell):
        return cell
    try:
        number: int | float = orjson.loads(cell)
    except orjson.JSONDecodeError:  # beyond any double
        return cell
    return number
