"""What of a contract was exercised, as the traffic of accounts shows it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.model import BadValue
from contracts.reader import read, vendors
from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.coverage import Least, coverage, fields
from sandbox.reports.model import Coverage
from tests.acme import usage
from tests.conftest import Ask


@pytest.fixture
def at(key: str) -> str:
    return f"/_meterbox/accounts/acme/{key}"


def told(ask: Ask, path: str) -> dict[str, dict[str, Any]]:
    found = ask("GET", f"{path}/coverage").json()["coverage"]
    return {one["kind"]: one for one in found}


def test_nothing_is_exercised_by_nothing(acme: Sandbox) -> None:
    found = coverage(acme.accounts.rooms["acme"].contract, [])
    assert [one.kind for one in found] == [
        "endpoints",
        "fields",
        "rules",
        "error answers",
        "faults",
    ]
    assert all(one.known and not one.exercised for one in found)


def test_what_an_account_did_is_exercised(ask: Ask, at: str, key: str) -> None:
    ask("POST", "/acme/usage", json={"events": [usage("a"), {"id": 7}]})
    ask("POST", "/acme/usage", json={"events": [usage("a")]})
    ask("POST", f"{at}/faults", json={"kind": "status", "status": 503})
    ask("POST", "/acme/usage", json={"events": []})
    found = told(ask, at)
    assert found["endpoints"]["exercised"] == ["record-usage"]
    assert "record-usage events[].id" in found["fields"]["exercised"]
    assert "acme.usage.structure" in found["rules"]["exercised"]
    assert found["faults"]["exercised"] == ["status"]
    assert "record-usage 400" in found["error answers"]["exercised"]
    assert all("record-usage 2" not in told for told in found["error answers"]["exercised"])
    assert ask("GET", "/_meterbox/coverage/acme").json()["coverage"] == list(found.values())


def test_a_field_that_nobody_sent_is_missing(ask: Ask, at: str) -> None:
    ask("POST", "/acme/usage", json={"events": [{"id": "x"}]})
    missing = told(ask, at)["fields"]["missing"]
    assert "record-usage events[].id" not in missing
    assert any("events[]." in name for name in missing)


def test_what_is_not_there_is_told(ask: Ask) -> None:
    assert ask("GET", "/_meterbox/coverage/acne").status_code == 404
    assert ask("GET", "/_meterbox/accounts/acme/ak_nobody_at_all/coverage").status_code == 404


@pytest.mark.parametrize("vendor", vendors())
def test_every_contract_has_fields_to_exercise(vendor: str) -> None:
    contract = read(vendor)
    assert any(fields(endpoint) for endpoint in contract.endpoints)


def test_a_refused_request_exercises_the_rule_that_refused_it_alone(
    ask: Ask, acme: Sandbox, account: Account
) -> None:
    ask("POST", "/acme/usage", json={"events": 1})
    (rules,) = [c for c in coverage(account.room.contract, [account]) if c.kind == "rules"]
    assert list(rules.exercised) == ["acme.usage.structure"]


KINDS = ("endpoints", "fields", "rules", "error answers", "faults")
SOME = [Coverage("endpoints", ["a", "b"], ["a"]), Coverage("rules", ["r"] * 8, [])]


def test_too_little_is_told() -> None:
    assert Least(["endpoints=50"]).short(SOME) == []
    assert Least(["10"]).short(SOME) == []
    (told,) = Least(["endpoints=51"]).short(SOME)
    assert told == "endpoints: 50.0 % exercised, under the 51 % wanted."
    assert len(Least(["11", "rules=1", "error-answers=100"]).short(SOME)) == 2
    assert not Least([])


def test_where_nobody_was_asked_nothing_was_exercised() -> None:
    assert Least(["10"]).short([]) == ["All together: 0.0 % exercised, under the 10 % wanted."]
    assert Least(["0"]).short([]) == []


@pytest.mark.parametrize("given", ["many", "endpoints=lots", "endpoint=5", "101", "-1", "nan"])
def test_what_is_no_percentage_is_refused(given: str) -> None:
    with pytest.raises(BadValue, match="--fail-under"):
        Least([given])
