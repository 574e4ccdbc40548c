"""Users as the CSV that Kana's dashboard exports and imports (rule kana.csv.columns)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

from contracts.model import BadValue
from sandbox.kana.state import User
from sandbox.kana.users import Payload

__all__ = ["parse", "written"]

COLUMNS = ("id", "billingId", "name", "email")


def written(users: Iterable[User]) -> str:
    """The users as CSV; what a user lacks is an empty cell."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([user.id, user.billing_id, user.name, user.email] for user in users)
    return out.getvalue()


def parse(text: str) -> list[Payload]:
    """The rows of a CSV; an empty cell brings nothing. Raises BadValue for what is none."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names, *lines = [(reader.line_num, row) for row in reader if row] or [(1, [])]
    except csv.Error as fault:
        raise BadValue("csv", f"line {reader.line_num}", f"CSV: {fault}") from fault
    columns = _columns(names[1])
    rows = [_row(row, columns, line) for line, row in lines]
    known: set[str] = set()
    for row in rows:
        if row.id in known:
            raise BadValue("id", row.id, "in one row only")
        known.add(row.id)
    return rows


def _columns(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise BadValue("csv", name, f"one of {', '.join(COLUMNS)}, each column once")
    if "id" not in names:
        raise BadValue("csv", ",".join(names), "a header with id")
    return names


def _row(row: Sequence[str], columns: Sequence[str], line: int) -> Payload:
    if len(row) != len(columns):
        raise BadValue("csv", f"line {line}", f"a row of {len(columns)} cells")
    cells: Mapping[str, str] = dict(zip(columns, row, strict=True))
    if not cells["id"]:
        raise BadValue("csv", f"line {line}", "a row with an id")
    return Payload(
        cells["id"],
        cells.get("name") or None,
        cells.get("email") or None,
        cells.get("billingId") or None,
        "csv",
    )
