"""`meterbox demo` shows each event at each vendor, and totals that the ledger holds."""

import json
from typing import Any

import pytest

from tests.forked import run


@pytest.fixture(scope="module")
def shown() -> Any:
    done = run("demo", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def row(shown: Any, event: str, vendor: str) -> tuple[str, str, list[str]]:
    found = [r for r in shown["rows"] if (r["event"], r["vendor"]) == (event, vendor)]
    assert len(found) == 1
    return found[0]["answer"], found[0]["result"], found[0]["rules"]


def test_an_example_of_the_documents_is_billed(shown):
    told = row(shown, "track payment_confirmed", "Orb")
    assert told == ("200", "billed 1 payment_confirmed for external_customer_id", [])


def test_yesterdays_midnight_is_late_at_orb_and_billed_elsewhere(shown):
    event = "midnight of yesterday, sent today"
    assert row(shown, event, "Orb") == ("400", "late", ["orb.ingest.grace-period"])
    assert row(shown, event, "Amberflo")[:2] == ("200", "billed 2 ApiCalls for some_user_id")


def test_a_lost_reply_is_retried_and_billed_once_everywhere(shown):
    event = "a reply lost on the way, and sent again"
    answers = {vendor: row(shown, event, vendor)[:2] for vendor in vendors(shown, event)}
    assert answers == {
        "Amberflo": ("no reply, 200", "billed 2 ApiCalls for some_user_id, once"),
        "Hyperline": ("no reply, 201", "billed 1 ApiCalls for some_user_id, once"),
        "Kana": ("no reply, 200", "billed 1 api-calls for some_user_id, once"),
        "Orb": ("no reply, 200", "billed 1 ApiCalls for some_user_id, once"),
    }


def test_what_segment_drops_reaches_no_vendor(shown):
    event = "a write key that nobody has"
    assert vendors(shown, event) == ["Segment"]
    assert row(shown, event, "Segment")[1:] == ("dropped", ["segment.discard.project_not_found"])


def test_totals_are_the_billed_rows(shown):
    billed = sum(r["result"].startswith("billed") and r["vendor"] == "Orb" for r in shown["rows"])
    orb = [total for total in shown["totals"] if total["vendor"] == "Orb"]
    assert sum(total["events"] for total in orb) == billed


def test_people_get_tables():
    done = run("demo")
    assert done.returncode == 0
    assert "Events, and what became of them" in done.stdout
    assert "What the ledger would bill" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 132


def vendors(shown: Any, event: str) -> list[str]:
    return sorted(r["vendor"] for r in shown["rows"] if r["event"] == event)
