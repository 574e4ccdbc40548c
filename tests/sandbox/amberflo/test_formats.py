"""Tables are read as the records that JSON would have said, or not at all."""

from __future__ import annotations

import csv
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.amberflo.formats import Table, parsed
from sandbox.body import MOST, Unreadable

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(LETTERS, min_size=1, max_size=6)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELDS = {
    "uniqueId": TEXT,
    "customerId": TEXT,
    "meterApiName": TEXT,
    "meterValue": st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False),
    "meterTimeInMillis": st.integers(-(2**63), 2**63 - 1),
}
NAMES = TEXT.filter(lambda name: name not in (*FIELDS, "dimensions", "values", "variants"))
RECORD = st.fixed_dictionaries({}, optional=FIELDS)
TABLE = st.lists(
    st.tuples(RECORD, st.dictionaries(NAMES, TEXT, max_size=3)).map(
        lambda both: both[0] | ({"dimensions": both[1]} if both[1] else {})
    ),
    min_size=1,
    max_size=4,
)


def table(records: list[dict[str, Any]], **form: Any) -> bytes:
    """The records as a table, as a spreadsheet would write them."""
    rows = [
        {**{k: v for k, v in one.items() if k != "dimensions"}, **one.get("dimensions", {})}
        for one in records
    ]
    header = list(dict.fromkeys(["customerId", *(name for row in rows for name in row)]))
    text = StringIO()
    writer = csv.DictWriter(text, header, restval="", **form)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@patient
@given(TABLE, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_a_table_is_the_records_it_was_written_from(records, quoting):
    read = parsed(table(records, quoting=quoting))
    assert isinstance(read, Table)
    assert list(read) == records


@patient
@given(st.text(max_size=60), st.booleans())
def test_any_text_is_read_or_said_to_be_unreadable(text, custom):
    for raw in (text, f"customerId,{text}", f"customerId,a\n{text}"):
        with suppress(Unreadable):
            parsed(raw.encode("utf-8", "surrogatepass"), custom=custom)


def test_a_table_has_no_more_rows_than_a_list_has_records():
    rows = b"customerId\n" + b"a\n" * (MOST + 1)
    with pytest.raises(Unreadable, match="100,000 rows"):
        parsed(rows)
    assert len(parsed(rows[:-2])) == MOST


@pytest.mark.parametrize("cell", ["+1", "1.", ".5", "1,5", " 1", "1 ", "0x1", "１", "1_0", "NaN"])
def test_a_number_is_written_as_json_writes_it(cell):
    [record] = parsed(f'customerId,meterValue\nacme,"{cell}"'.encode())
    assert record["meterValue"] == cell
