"""What a person does on Kana's dashboard: bad arguments change nothing, good ones tell."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.model import BadValue
from contracts.reader import read
from sandbox import view
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.kana.app import create_room

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FEATURE = {"add": {"id": "messages"}}
PART = {"id": "messages", "resetPeriod": "MONTH"}
PRICE = {"amount": 100, "currency": "usd", "displayAmount": "$1"}
CUSTOMER = {"billingId": "cus_x", "email": "x@gmail.com"}


@pytest.fixture
def account() -> Account:
    return Account(create_room(read("kana")), "prv_test_a", seed=0, source=lambda: NOW)


def act(account: Account, name: str, arguments: dict[str, Any]) -> Any:
    return account.room.dashboard[name](account, arguments, NOW)


def send(sandbox: Sandbox, event: dict[str, Any]) -> None:
    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"authorization": "prv_test_a"}
            return await client.post("/kana/segment/events", json=event, headers=headers)

    assert asyncio.run(sent()).status_code == 200


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("features", {"remove": "messages"}),
        ("features", {"add": "messages"}),
        ("features", {"add": {}}),
        ("features", {"add": {"id": ""}}),
        ("features", {"add": {"id": 5}}),
        ("features", {"add": {"id": "messages"}}),
        ("features", {"add": {"id": "a", "type": "METERED"}}),
        ("features", {"add": {"id": "a", "name": None}}),
        ("features", {"add": {"id": "a", "unit": "b"}}),
        ("rules", {"edit": "r"}),
        ("rules", {"edit": {"name": "r", "event": "x"}}),
        ("rules", {"change": {"name": "r", "event": "x"}}),
        ("rules", {"remove": "r"}),
        ("rules", {"remove": "r", "add": {"name": "r", "featureId": "messages", "event": "x"}}),
        ("rules", {"remove": ["r"]}),
        ("rules", {"add": {"name": "r", "featureId": "messages"}}),
        ("rules", {"add": {"name": "r", "featureId": "messages", "properties": {}}}),
        ("rules", {"add": {"name": "r", "featureId": "unknown", "event": "x"}}),
        ("rules", {"add": {"name": "r", "featureId": ["messages"], "event": "x"}}),
        ("rules", {"add": {"name": "", "featureId": "messages", "event": "x"}}),
        ("rules", {"add": {"name": "r", "featureId": "messages", "event": 1}}),
        ("rules", {"add": {"name": "r", "featureId": "messages", "properties": {"a": 1}}}),
        ("rules", {"add": {"name": "r", "featureId": "messages", "properties": ["a"]}}),
        ("import-stripe", {}),
        ("import-stripe", {"customers": CUSTOMER}),
        ("import-stripe", {"customers": ["x@gmail.com"]}),
        ("import-stripe", {"customers": [CUSTOMER, {"billingId": "cus_y"}]}),
        ("import-stripe", {"customers": [CUSTOMER, {**CUSTOMER, "id": "1"}]}),
        ("import-stripe", {"customers": [CUSTOMER, {**CUSTOMER, "name": 1}]}),
        ("import-csv", {}),
        ("import-csv", {"csv": ""}),
        ("import-csv", {"csv": 1}),
        ("import-csv", {"csv": "\n\n"}),
        ("import-csv", {"csv": "name,email\na,b\n"}),
        ("import-csv", {"csv": "id,plan\n1,pro\n"}),
        ("import-csv", {"csv": "id,id\n1,1\n"}),
        ("import-csv", {"csv": "id,email\n1,a@b\n2\n"}),
        ("import-csv", {"csv": "id,email\n1,a@b\n,b@b\n"}),
        ("import-csv", {"csv": "id,email\n1,a@b\n1,b@b\n"}),
        ("import-csv", {"csv": 'id,email\n1,a@b\n2,"b\n'}),
        ("import-csv", {"csv": "id\n" + "x" * 200_000 + "\n"}),
        ("export-csv", {"csv": "id"}),
        ("segment", {"id": "1"}),
        ("merge", {}),
        ("merge", {"users": "1"}),
        ("merge", {"users": ["1"]}),
        ("merge", {"users": ["1", "2"]}),
        ("merge", {"users": [{}, []]}),
        ("packages", {"add": "pro"}),
        ("packages", {"add": {"id": "pro"}}),
        ("packages", {"add": {"id": "", "features": []}}),
        ("packages", {"add": {"id": "pro", "features": [], "isAddon": 1}}),
        ("packages", {"add": {"id": "pro", "features": ["messages"]}}),
        ("packages", {"add": {"id": "pro", "features": [{"id": "unknown"}]}}),
        ("packages", {"add": {"id": "pro", "features": [{"id": "messages"}]}}),
        ("packages", {"add": {"id": "pro", "features": [{"id": "messages", "limit": 1}]}}),
        ("packages", {"add": {"id": "pro", "features": [{**PART, "resetPeriod": "WEEK"}]}}),
        ("packages", {"add": {"id": "pro", "features": [{**PART, "limit": "1"}]}}),
        ("packages", {"add": {"id": "pro", "features": [{**PART, "limit": -1}]}}),
        ("packages", {"add": {"id": "pro", "features": [{**PART, "limit": 2**31}]}}),
        ("packages", {"add": {"id": "pro", "features": [{**PART, "overageEnabled": 1}]}}),
        ("packages", {"add": {"id": "pro", "features": [PART, PART]}}),
        ("packages", {"publish": "pro"}),
        ("packages", {"archive": "pro"}),
        ("packages", {"publish": "pro", "archive": "pro"}),
        ("packages", {"price": {"package": "pro", **PRICE}}),
        ("packages", {"unpublish": "pro"}),
        ("subscriptions", {"add": {"userId": "1", "packageIds": []}}),
        ("subscriptions", {"add": {"userId": "1", "packageIds": "pro"}}),
        ("subscriptions", {"status": {"id": "1", "status": "ACTIVE"}}),
        ("subscriptions", {"add": {}, "status": {}}),
        ("templates", {"add": ""}),
        ("delete", {}),
        ("delete", {"user": "1"}),
        ("delete", {"user": ["1"]}),
        ("users", {"id": "1"}),
        ("flags", {"id": "1"}),
        ("unmapped", {"id": "1"}),
    ],
)
def test_bad_arguments_are_told_and_change_nothing(account, name, arguments):
    act(account, "features", FEATURE)
    with pytest.raises(BadValue):
        act(account, name, arguments)
    assert act(account, "users", {}) == []
    assert act(account, "rules", {})["rules"] == []
    assert act(account, "packages", {}) == act(account, "subscriptions", {}) == []
    assert act(account, "templates", {}) == []
    assert [feature["id"] for feature in act(account, "features", {})] == ["messages"]


def test_what_the_dashboard_did_was_done_by_no_exchange():
    """The rule counts the kept event, and not the identify call that happened to come last."""
    sandbox = create_app(Options(vendors=["kana"], source=lambda: NOW))
    account = sandbox.accounts.open("kana", "prv_test_a")
    account.set("kana.usage.entitlement", "ignored")
    send(sandbox, {"type": "identify", "userId": "1", "messageId": "m-1"})
    send(sandbox, {"type": "track", "userId": "1", "messageId": "m-2", "event": "Sent"})
    send(sandbox, {"type": "identify", "userId": "2", "messageId": "m-3"})
    act(account, "features", FEATURE)
    act(account, "rules", {"add": {"name": "r", "event": "Sent", "featureId": "messages"}})
    told = view.ledger(account, account.ledger.entries(), account.ledger.totals())
    assert [(entry["outcome"], entry["exchange"]) for entry in told["entries"]] == [
        ("unmatched", f"kana-{account.handle}-2"),
        ("accepted", None),
    ]


def test_a_user_is_not_merged_with_itself(account):
    act(account, "import-stripe", {"customers": [CUSTOMER]})
    with pytest.raises(BadValue):
        act(account, "merge", {"users": ["x@gmail.com", "x@gmail.com"]})
    assert len(act(account, "users", {})) == 1


def test_a_rule_name_is_used_once(account):
    rule = {"add": {"name": "r", "event": "x", "featureId": "messages"}}
    act(account, "features", FEATURE)
    act(account, "rules", rule)
    with pytest.raises(BadValue):
        act(account, "rules", rule)


@pytest.mark.parametrize(
    "more", [{"amount": 1.5}, {"amount": 2**31}, {"currency": ""}, {"id": "1"}]
)
def test_a_price_that_cannot_be_is_told(account, more):
    act(account, "packages", {"add": {"id": "pro", "features": []}})
    with pytest.raises(BadValue):
        act(account, "packages", {"price": {"package": "pro", **PRICE, **more}})
    assert account.state.packages["pro"].prices == ()


def test_a_package_is_drafted_published_and_archived_and_not_otherwise(account):
    act(account, "packages", {"add": {"id": "pro", "features": []}})
    for turn, status in (("publish", "PUBLISHED"), ("archive", "ARCHIVED")):
        (package,) = act(account, "packages", {turn: "pro"})
        assert package["status"] == status
        with pytest.raises(BadValue):
            act(account, "packages", {"publish": "pro"})


def test_the_import_tells_who_is_new(account):
    other = {"billingId": "cus_y", "email": "x@gmail.com", "name": None}
    assert act(account, "import-stripe", {"customers": [CUSTOMER, other]}) == {
        "created": ["x@gmail.com"],
        "linked": ["x@gmail.com"],
        "differing": [{"billingId": "cus_y", "userId": "x@gmail.com", "has": "cus_x"}],
    }


def test_the_merge_tells_the_survivor(account):
    other = {"billingId": "cus_y", "email": "y@gmail.com", "name": "Ann"}
    act(account, "import-stripe", {"customers": [CUSTOMER, other]})
    assert act(account, "merge", {"users": ["y@gmail.com", "x@gmail.com"]}) == {
        "id": "x@gmail.com",
        "billingId": "cus_x",
        "name": "Ann",
        "email": "x@gmail.com",
        "origin": "stripe",
        "identified": False,
        "dropped": [{"id": "y@gmail.com", "billingId": "cus_y", "email": "y@gmail.com"}],
    }


def test_the_csv_import_tells_what_became_of_each_row(account):
    act(account, "import-stripe", {"customers": [CUSTOMER]})
    table = "id,email,billingId\n1,x@gmail.com,\nx@gmail.com,x@gmail.com,cus_x\n1a,,cus_x\n"
    told = act(account, "import-csv", {"csv": table})
    assert (told["created"], told["updated"], told["passedOver"]) == (
        ["1", "1a"],
        [],
        ["x@gmail.com"],
    )
    assert [found["rule"] for found in told["findings"]] == [
        "kana.identify.overwrite",
        "kana.identify.billing-id-shared",
    ]


@pytest.mark.parametrize(
    "name", ["plain", 'quo"ted', "a,b", "two\nlines", "a\rb", "\ufeff", "=1+1", " x ", "ä😀", "\0"]
)
def test_the_export_imported_again_changes_nothing(account, name):
    """Rule kana.csv.export."""
    act(account, "import-stripe", {"customers": [CUSTOMER, {**CUSTOMER, "email": name}]})
    act(account, "import-stripe", {"customers": [{"billingId": "c", "email": name, "name": name}]})
    exported, before = act(account, "export-csv", {}), act(account, "users", {})
    act(account, "import-csv", exported)
    assert act(account, "users", {}) == before
    assert act(account, "export-csv", {}) == exported
