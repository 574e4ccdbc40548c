"""Deprecation filters: what they match, and what is not understood."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.orb.filters import Unreadable, read

EVENT = {
    "event_name": "api_call",
    "properties": {"n": 150, "half": 0.5, "region": "eu", "it's": "x", "bad": True, "a b": 1},
}
MATCHING = [
    "n > 100 AND region = 'eu'",
    "n >= 150",
    "n = 150.0",
    "n <> 1",
    "n != 1",
    "half < 1",
    "half <= .5",
    "n > -1e3",
    "100 < n",
    "region IN ('us', 'eu')",
    "region not in ('us')",
    "NOT region = 'us'",
    "not (region = 'us' or n < 100)",
    "region = 'us' OR bad",
    "bad = TRUE",
    "bad and n = 150",
    "missing IS NULL",
    "region is not null",
    "NOT (region = 'us' AND missing = 1)",
    "missing = 1 OR n = 150",
    '"a b" = 1',
    "event_name = 'api_call'",
    "region < 'f'",
]
OTHERS = [
    "n > 150",
    "region = 'us'",
    "region = 'EU'",
    "missing = 1",
    "missing <> 1",
    "NOT missing = 1",
    "missing NOT IN (1)",
    "NOT (missing = 1 AND n = 150)",
    "NOT (missing = 1 OR n = 1)",
    "region IS NULL",
    "missing IS NOT NULL",
    "n = '150'",
    "n <> '150'",
    "bad = 1",
    "bad <> 1",
    "n",
    "region",
    "NOT n",
    "NOT bad",
    "region NOT IN ('us', 'eu')",
    "region = 'e''u'",
]
NONSENSE = [
    "",
    " ",
    "n >",
    "> 1",
    "n > 1 AND",
    "n > 1 n",
    "(n > 1",
    "n > 1)",
    "n IN ()",
    "n IN (1",
    "n IS 1",
    "n NOT 1",
    "lower(region) = 'eu'",
    "n + 1 > 2",
    "n == 1",
    "region = 'eu",
    "region LIKE 'e%'",
    "AND",
    "n = NULL",
    "n > 1; DROP TABLE events",
    "\0",
    "é = 1",
    "(" * 5000 + "n > 1" + ")" * 5000,
    "NOT " * 5000 + "bad",
]


@pytest.mark.parametrize("expression", MATCHING)
def test_what_is_true_of_an_event_matches(expression: str) -> None:
    assert read(expression)(EVENT)


@pytest.mark.parametrize("expression", OTHERS)
def test_what_is_false_or_unknown_does_not(expression: str) -> None:
    assert not read(expression)(EVENT)


@pytest.mark.parametrize("expression", NONSENSE, ids=lambda text: text[:20])
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(Unreadable):
        read(expression)


@given(st.text("n =<>!'\"(),.1-eNOTANDORINIS", max_size=60))
def test_any_text_is_read_or_refused(expression: str) -> None:
    with suppress(Unreadable):
        assert read(expression)(EVENT) in (True, False)


def test_a_number_of_any_length_is_a_number() -> None:
    assert read(f"n < {'9' * 5000}")(EVENT)
