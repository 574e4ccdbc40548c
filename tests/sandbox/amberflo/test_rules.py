"""Amberflo's decisions about records, without a server."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.amberflo.likeness import LIKENESS
from sandbox.amberflo.records import CANCEL
from sandbox.amberflo.rules import State, ingest
from sandbox.ledger import Ledger
from sandbox.reply import Effects
from tests.sandbox.amberflo.conftest import NOW


def record(**more: Any) -> dict[str, Any]:
    return {
        "uniqueId": "u",
        "customerId": "acme",
        "meterApiName": "api_call",
        "meterValue": 1,
        "meterTimeInMillis": 1619445706909,
        **more,
    }


RECORDS = st.builds(
    record,
    uniqueId=st.sampled_from(["u", "v", "u#2", "", None]),
    meterValue=st.sampled_from([0, 1, 1.0, 2.5, -3, 2**63, 1e300]),
    meterTimeInMillis=st.sampled_from([1619445706909, 1619445706909.0, 0, -(2**63)]),
    dimensions=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2),
)


def cancellation(of: dict[str, Any]) -> dict[str, Any]:
    return {**of, "dimensions": {**(of.get("dimensions") or {}), CANCEL: "true"}}


def names(state: State, records: list[dict[str, Any]]) -> list[str]:
    return [state.usage(record).event for record in records]


def test_each_of_several_records_with_one_unique_id_has_a_name_of_its_own():
    state = State()
    several = [record(), record(meterValue=2), record(uniqueId="u#2"), record(meterValue=3)]
    assert ingest(several, state, None).accepted == several
    assert names(state, several) == ["u", "u#2", "u#2#2", "u#3"]


def test_a_whole_number_is_the_same_with_and_without_its_point():
    done = ingest([record(meterValue=1), record(meterValue=1.0)], State(), None)
    assert (len(done.accepted), len(done.duplicate)) == (1, 1)


def test_whole_numbers_that_no_double_tells_apart_are_different():
    done = ingest([record(meterValue=2**53), record(meterValue=2**53 + 1)], State(), None)
    assert len(done.accepted) == 2


def test_a_cancellation_that_is_repeated_is_a_duplicate():
    state = State()
    ingest([record(), cancellation(record())], state, None)
    assert len(ingest([cancellation(record())], state, None).duplicate) == 1


@given(st.lists(RECORDS, max_size=12))
def test_every_record_is_in_exactly_one_outcome(records):
    done = ingest(records, State(), 0)
    counts = (done.accepted, done.late, done.duplicate, done.removed, done.idle)
    silent = (done.meterless, done.metadata)
    assert sum(map(len, (*counts, *silent))) == len(records)


@given(st.lists(RECORDS, max_size=12), st.sampled_from([*LIKENESS.values()]))
def test_what_is_accepted_and_cancelled_leaves_nothing_billed(records, likeness):
    state, ledger = State(), Ledger()
    for batch in (records, [cancellation(r) for r in records]):
        done = ingest(batch, state, None, likeness)
        ledger.record(1, NOW, Effects("accepted", done.accepted, None, state.usage))
        ledger.record(1, NOW, Effects("removed", done.removed, None, state.usage))
        assert not done.idle
    assert ledger.totals() == []


@given(st.lists(RECORDS, max_size=12), st.integers(0, 11))
def test_a_request_sent_twice_bills_once(records, cut):
    state = State()
    first = ingest(records, state, None)
    again = ingest(records[cut:] + records[:cut], state, None)
    assert not again.accepted
    assert len(again.duplicate) == len(records) == len(first.accepted) + len(first.duplicate)


@given(st.lists(RECORDS | RECORDS.map(cancellation), max_size=8))
def test_records_fare_the_same_together_and_one_by_one(records):
    together, alone = State(), State()
    done = ingest(records, together, 0)
    singly = [ingest([record], alone, 0) for record in records]
    assert together == alone
    assert list(done.accepted) == [record for one in singly for record in one.accepted]
    assert done.removed == [record for one in singly for record in one.removed]
