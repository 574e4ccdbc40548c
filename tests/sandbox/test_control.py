"""The control API: every route, and every way to be told no."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import sandbox.control
from contracts.conformance import violations
from contracts.schema import Schema
from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.auth import redacted
from sandbox.faults import Fault
from sandbox.journal import Journal
from sandbox.server import Running
from tests.acme import inside, usage
from tests.conftest import Ask, Make

DOCUMENT = json.loads(Path(sandbox.control.__file__).with_name("control.openapi.json").read_text())
HOME = "/_meterbox"


@pytest.fixture
def at(key: str) -> str:
    return f"{HOME}/accounts/acme/{key}"


def test_health_names_the_vendors(ask: Ask) -> None:
    told = ask("GET", f"{HOME}/health").json()
    assert told == {"status": "ok", "vendors": ["acme"], "rebuilt": None}


def test_accounts_are_listed_without_their_keys(ask: Ask, account: Account) -> None:
    answer = ask("GET", f"{HOME}/accounts")
    assert answer.json()["accounts"] == [
        {
            "vendor": "acme",
            "account": redacted(account.key),
            "handle": account.handle,
            "exchanges": 0,
            "dropped": 0,
            "clock": {"now": "2026-01-15T12:00:00.000Z", "frozen": False},
            "faults": 0,
        }
    ]
    assert account.key not in answer.text


def test_an_account_is_found_by_key_and_by_handle(ask: Ask, account: Account, at: str) -> None:
    by_key = ask("GET", at).json()
    assert ask("GET", f"{HOME}/accounts/acme/{account.handle}").json() == by_key
    assert by_key["handle"] == account.handle


def test_the_ledger_tells_entries_and_totals(ask: Ask, at: str) -> None:
    sent = ask("POST", "/acme/usage", json={"events": [usage("a", 0.1), usage("b", 0.2)]})
    told = ask("GET", f"{at}/ledger").json()
    assert told["totals"] == [{"customer": "c1", "meter": "calls", "quantity": 0.3, "events": 2}]
    assert told["entries"][0] == {
        "event": "a",
        "customer": "c1",
        "meter": "calls",
        "quantity": 0.1,
        "outcome": "accepted",
        "rule": None,
        "time": "2026-01-15T12:00:00.000Z",
        "exchange": sent.headers["x-meterbox-exchange"],
        "replaced": [],
        "number": 1,
    }
    assert b'"quantity":0.3,' in ask("GET", f"{at}/ledger").content


def test_an_exchange_is_explained_by_its_id(ask: Ask) -> None:
    sent = ask("POST", "/acme/usage", json={"events": [usage("a", "7")]})
    told = ask("GET", f"{HOME}/exchanges/{sent.headers['x-meterbox-exchange']}").json()
    assert [(f["path"], f["rule"], f["suggestion"]) for f in told["findings"]] == [
        ("$.events[0].quantity", "acme.usage.quantity", "7")
    ]


def test_exchanges_are_listed_with_numbers_to_go_on_from(ask: Ask, at: str) -> None:
    for id in ("a", "b"):
        ask("POST", "/acme/usage", json={"events": [usage(id)]})
    told = ask("GET", f"{at}/exchanges", params={"after": "1"}).json()
    assert ([e["number"] for e in told["exchanges"]], told["next"], told["dropped"]) == ([2], 2, 0)
    assert ask("GET", f"{HOME}/exchanges?limit=1").json()["exchanges"][0]["number"] == 1


def test_the_ledger_is_read_page_by_page(ask: Ask, at: str) -> None:
    ask("POST", "/acme/usage", json={"events": [usage(f"e{n}") for n in range(1, 6)]})
    seen, after, more = [], 0, True
    while more:
        told = ask("GET", f"{at}/ledger", params={"after": after, "limit": 2}).json()
        seen += [(entry["number"], entry["event"]) for entry in told["entries"]]
        after, more = told["next"], told["more"]
    assert seen == [(n, f"e{n}") for n in range(1, 6)]
    newest = ask("GET", f"{at}/ledger?last=2").json()
    assert [entry["number"] for entry in newest["entries"]] == [4, 5]
    assert newest["totals"][0]["events"] == 5


def test_a_cut_list_is_followed_by_its_next(ask: Ask, at: str) -> None:
    for id in "abc":
        ask("POST", "/acme/usage", json={"events": [usage(id)]})
    for path in (f"{at}/exchanges", f"{HOME}/exchanges"):
        told = ask("GET", f"{path}?limit=2").json()
        assert ([e["number"] for e in told["exchanges"]], told["next"]) == ([1, 2], 2)
        assert told["more"] is True
        told = ask("GET", f"{path}?after=2&wait=5").json()
        assert ([e["number"] for e in told["exchanges"]], told["more"]) == ([3], False)
        assert [e["number"] for e in ask("GET", f"{path}?last=1").json()["exchanges"]] == [3]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/segment/v1/projects/{}/settings", {}),
        ("GET", "/segment/v1/projects/{}/settings", {"authorization": "Bearer {}"}),
        ("POST", "/segment/v1/track/{}", {"authorization": "Bearer {}"}),
        ("GET", "/orb/v1/{}", {"authorization": "Token {}"}),
    ],
)
def test_a_write_key_is_read_in_no_list(
    made: Make, method: str, path: str, headers: dict[str, str]
) -> None:
    key = "bad_write_key_of_somebody_0123456789"
    shown = {name: value.format(key) for name, value in headers.items()}

    async def run() -> list[str]:
        async with inside(made(vendors=["segment", "orb"])) as client:
            sent = await client.request(method, path.format(key), headers=shown)
            id = sent.headers["x-meterbox-exchange"]
            asked = (f"{HOME}/exchanges", f"{HOME}/exchanges/{id}", f"{HOME}/accounts")
            return [(await client.get(path)).text for path in asked]

    assert [key in text for text in asyncio.run(run())] == [False] * 3


@pytest.mark.parametrize(
    ("turn", "now", "frozen"),
    [
        ({"freeze": True}, "2026-01-15T12:00:00.000Z", True),
        ({"freeze": "2026-02-01T00:00:00Z"}, "2026-02-01T00:00:00.000Z", True),
        ({"set": "2026-02-01T01:00:00+01:00"}, "2026-02-01T00:00:00.000Z", False),
        ({"advance": "13h"}, "2026-01-16T01:00:00.000Z", False),
        ({"run": True}, "2026-01-15T12:00:00.000Z", False),
    ],
)
def test_the_clock_turns(ask: Ask, at: str, turn: Any, now: str, frozen: bool) -> None:
    assert ask("POST", f"{at}/clock", json=turn).json() == {"now": now, "frozen": frozen}
    assert ask("GET", f"{at}/clock").json() == {"now": now, "frozen": frozen}


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({}, "one of freeze, set, advance, run"),
        ({"freeze": True, "run": True}, "one of freeze, set, advance, run"),
        ({"advanse": "1h"}, "Did you mean 'advance'?"),
        ({"advance": "soon"}, "advance: 'soon' is not a length of time such as 13h or 34d"),
        ({"advance": 13}, "advance: 13 is not a length of time"),
        ({"advance": "999999999d"}, "advance: '999999999d' is not a length of time"),
        ({"advance": "36500d1s"}, "advance: '36500d1s' is not a length of time"),
        ({"set": "9999-12-31T23:59:59Z"}, "is not within the years 1970 to 2999"),
        ({"freeze": "1969-12-31T23:59:59Z"}, "is not within the years 1970 to 2999"),
        ({"set": "noon"}, "time: 'noon' is not a time such as"),
        ({"set": None}, "is not a time such as"),
        ({"set": "0001-01-01T00:00:00+14:00"}, "is not within the years"),
        ({"freeze": False}, "is not a time such as"),
    ],
)
def test_a_turn_that_cannot_be_leaves_the_clock_alone(
    ask: Ask, at: str, turn: Any, said: str
) -> None:
    before = ask("GET", f"{at}/clock").json()
    refused = ask("POST", f"{at}/clock", json=turn)
    assert (refused.status_code, said in refused.json()["error"]) == (400, True), refused.text
    assert ask("GET", f"{at}/clock").json() == before


def test_faults_are_added_shown_and_cleared(ask: Ask, at: str) -> None:
    fault = {"kind": "status", "endpoint": "record-usage", "times": 2, "status": 429}
    whole = {**asdict(Fault("status")), **fault}
    assert ask("POST", f"{at}/faults", json=fault).json() == {"faults": [whole]}
    ask("POST", "/acme/usage", json={"events": [usage()]})
    assert ask("GET", f"{at}/faults").json() == {"faults": [{**whole, "times": 1}]}
    assert ask("DELETE", f"{at}/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"kind": "lost"},
            "kind: 'lost' is not one of delay, status, reset, in-flight, status-after",
        ),
        ({"kind": "reset", "tmes": 1}, "Did you mean 'times'?"),
        ({"kind": "reset", "endpoint": "record-use"}, "did you mean 'record-usage'?"),
        ({}, "kind"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(ask: Ask, at: str, fault: Any, said: str) -> None:
    refused = ask("POST", f"{at}/faults", json=fault)
    assert (refused.status_code, said in refused.json()["error"]) == (400, True), refused.text
    assert ask("GET", f"{at}/faults").json() == {"faults": []}


def test_settings_are_changed_all_or_none(ask: Ask, at: str) -> None:
    changed = ask("PATCH", f"{at}/settings", json={"acme.usage.most": 5, "acme.usage.late": "1h"})
    told = changed.json()["settings"]
    assert (told["acme.usage.most"]["value"], told["acme.usage.late"]["value"]) == (5, "1h")
    refused = ask("PATCH", f"{at}/settings", json={"acme.usage.most": 9, "acme.usage.lat": "2h"})
    assert "Did you mean 'acme.usage.late'?" in refused.json()["error"]
    assert ask("GET", f"{at}/settings").json()["settings"] == told


def test_reset_forgets_what_came(ask: Ask, at: str) -> None:
    ask("POST", "/acme/usage", json={"events": [usage()]})
    assert ask("POST", f"{at}/reset").json()["exchanges"] == 1  # the count of ids goes on
    assert ask("GET", f"{at}/exchanges").json()["exchanges"] == []
    assert ask("GET", f"{at}/ledger").json()["totals"] == []
    assert ask("GET", "/acme/usage/e1").status_code == 404


def test_the_dashboard_does_what_no_api_of_the_vendor_does(ask: Ask, at: str) -> None:
    assert ask("POST", f"{at}/dashboard/note", json={"id": "n1"}).json() == {"noted": "n1"}
    assert ask("POST", f"{at}/dashboard/count").json() == {"events": 1}
    refused = ask("POST", f"{at}/dashboard/cuont")
    assert (refused.status_code, "did you mean 'count'?" in refused.text) == (400, True)


def test_deliveries_are_empty_where_nothing_is_forwarded(ask: Ask, at: str) -> None:
    assert ask("GET", f"{at}/deliveries").json() == {"deliveries": []}


def test_rules_are_told_with_their_evidence(ask: Ask) -> None:
    told = ask("GET", f"{HOME}/rules").json()["rules"]
    assert ask("GET", f"{HOME}/rules?vendor=acme").json()["rules"] == told
    assert next(rule for rule in told if rule["id"] == "acme.usage.late") == {
        "id": "acme.usage.late",
        "sentence": "An event older than 12 hours is accepted and not billed.",
        "confidence": "documented",
        "source": "made up",
        "read": "2026-11-20",
        "switch": {"kind": "duration", "default": "12h"},
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/accounts/acmee/k", 404, "Did you mean 'acme'?"),
        ("POST", "/accounts/acmee/k/reset", 404, "No contract for 'acmee'"),
        ("GET", "/rules?vendor=acmee", 404, "Did you mean 'acme'?"),
        ("GET", "/exchanges/acme-x-1", 404, "No exchange 'acme-x-1'."),
        ("GET", "/exchanges/what", 404, "No exchange 'what'."),
        ("GET", "/exchanges?verdikt=refused", 400, "Did you mean 'verdict'?"),
        ("GET", "/accounts/acme/k/ledger?custmer=c1", 400, "Did you mean 'customer'?"),
        ("GET", "/accounts/acme/k/exchanges?colour=red", 400, "No setting named 'colour'"),
        ("GET", "/exchanges?after=x", 400, "after: 'x' is not a whole number, 0 or more."),
        ("GET", "/exchanges?after=-1", 400, "after: '-1' is not a whole number"),
        ("GET", "/exchanges?limit=many", 400, "limit: 'many' is not a whole number"),
        ("GET", "/exchanges?limit=-1", 400, "limit: '-1' is not a whole number"),
        ("GET", "/exchanges?wait=nan", 400, "wait: 'nan' is not a number of seconds"),
        ("GET", "/exchanges?wait=-1", 400, "wait: '-1' is not a number of seconds"),
        ("GET", "/exchanges?wait=", 400, "wait: '' is not a number of seconds"),
        ("GET", "/exchanges?vendor=acmee", 400, "vendor: there is no 'acmee'. Did you mean 'acme'"),
        ("GET", "/exchanges?verdict=refusd", 400, "Did you mean 'refused'?"),
        ("GET", "/exchanges?status=20", 400, "status: '20' is not a status"),
        ("GET", "/exchanges?rule=acme.usage.lat", 400, "Did you mean 'acme.usage.late'?"),
        ("GET", "/exchanges?last=x", 400, "last: 'x' is not a whole number"),
        ("GET", "/exchanges?last=1&limit=1", 400, "last: '1' is not to be asked for together"),
        ("GET", "/accounts/acme/k/ledger?outcome=lost", 400, "there is no 'lost'. Known: accept"),
        ("GET", "/accounts/acme/k/ledger?wait=1", 400, "No setting named 'wait'"),
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/accounts/acme/a%0Ab", 404, "Nothing answers GET"),
        ("PUT", "/health", 405, "Method Not Allowed"),
        ("DELETE", "/accounts/acme/k/clock", 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    ask: Ask, method: str, path: str, status: int, said: str
) -> None:
    ask("POST", f"{HOME}/accounts/acme/k/reset")  # opens the account
    refused = ask(method, HOME + path)
    assert (refused.status_code, list(refused.json())) == (status, ["error"])
    assert said in refused.json()["error"]
    assert "\n" not in refused.json()["error"]


def test_a_key_that_nobody_has_used_has_no_ledger(ask: Ask, at: str, key: str) -> None:
    """A misspelt key must not look like one that was never billed."""
    asked = ask("GET", f"{HOME}/accounts/acme/{key}-misspelt/ledger")
    assert (asked.status_code, "opens one" in asked.json()["error"]) == (404, True)
    assert ask("GET", f"{HOME}/accounts").json()["accounts"] == []


@pytest.mark.parametrize("raw", [b"{", b"[]", b"null", b"7", b'"text"', b"\xff", b'{"a": NaN}'])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/clock"), ("POST", "/faults"), ("PATCH", "/settings"), ("POST", "/dashboard/note")],
)
def test_a_body_that_is_no_object_is_told_so(
    ask: Ask, at: str, method: str, path: str, raw: bytes
) -> None:
    refused = ask(method, at + path, content=raw)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("The body is not ")


def test_what_the_journal_dropped_is_gone_and_no_empty_list(
    ask: Ask, account: Account, at: str
) -> None:
    account.journal = Journal(kept=2)
    ids = [ask("GET", "/acme/usage/e1").headers["x-meterbox-exchange"] for _ in range(4)]
    assert ask("GET", f"{HOME}/exchanges/{ids[3]}").status_code == 200
    for path in (f"{HOME}/exchanges/{ids[0]}", f"{at}/exchanges?after=1"):
        gone = ask("GET", path)
        assert (gone.status_code, "has dropped 2 exchanges" in gone.text) == (410, True)
    assert [e["number"] for e in ask("GET", f"{at}/exchanges").json()["exchanges"]] == [3, 4]


def test_who_waits_is_answered_as_soon_as_an_exchange_fits(
    acme: Sandbox, key: str, at: str
) -> None:
    async def run() -> tuple[list[Any], float]:
        async with inside(acme, headers={"authorization": f"Bearer {key}"}) as client:
            query = {"wait": "20", "verdict": "refused"}
            start = time.perf_counter()
            waiting = asyncio.create_task(client.get(f"{at}/exchanges", params=query))
            for events in ([usage()], [usage(), usage("b")], [usage(quantity=-1)]):
                await asyncio.sleep(0.01)
                await client.post("/acme/usage", json={"events": events})
            answer = await waiting
            return answer.json()["exchanges"], time.perf_counter() - start

    found, waited = asyncio.run(run())
    assert [told["number"] for told in found] == [3]
    assert waited < 15


def test_who_waits_in_vain_gets_an_empty_list_after_that_time(ask: Ask, at: str) -> None:
    start = time.perf_counter()
    told = ask("GET", f"{at}/exchanges?wait=0.2").json()
    assert (told["exchanges"], told["next"]) == ([], 0)
    assert 0.2 <= time.perf_counter() - start < 15


def test_exchanges_that_do_not_fit_do_not_prolong_a_wait(
    acme_server: Running, http: httpx.Client, key: str
) -> None:
    """The time is that of the whole question, however many others come meanwhile."""
    over = threading.Event()

    def keep_asking() -> None:
        with httpx.Client(trust_env=False) as client:
            while not over.wait(0.05):
                client.get(f"{acme_server.url}/acme/status", headers={"x-api-key": key})

    noise = threading.Thread(target=keep_asking)
    noise.start()
    try:
        start = time.perf_counter()
        query = {"wait": "0.4", "verdict": "refused"}
        told = http.get(f"{acme_server.url}{HOME}/accounts/acme/{key}/exchanges", params=query)
        assert told.json()["exchanges"] == []
        assert time.perf_counter() - start < 15
    finally:
        over.set()
        noise.join()


def test_a_token_guards_everything(made: Make, key: str) -> None:
    async def run() -> Iterator[int]:
        async with inside(made(token="secret")) as client:
            shown = ["", "Bearer wrong", "Bearer secret ", "secret", "bearer é", "Bearer secret"]
            asked = [
                await client.get(
                    f"{HOME}/accounts/acme/{key}", headers=[(b"authorization", s.encode("latin-1"))]
                )
                for s in shown
            ]
            vendor = await client.get("/acme/status")
            return iter([answer.status_code for answer in (*asked, vendor)])

    assert list(asyncio.run(run())) == [401] * 5 + [200, 200]


def routes() -> set[tuple[str, str]]:
    control = sandbox.control.Control(accounts=None)  # type: ignore[arg-type]  # its routes alone are looked at
    return {
        (route.path, method.lower())
        for route in sandbox.control.control_routes(control)
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_the_document_has_exactly_the_routes_there_are(ask: Ask) -> None:
    documented = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert documented == {(path.replace(":path}", "}"), method) for path, method in routes()}
    assert ask("GET", f"{HOME}/openapi.json").json() == DOCUMENT


def test_the_document_is_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def conforms(value: Any, name: str) -> list[Any]:
    definitions = json.loads(
        json.dumps(DOCUMENT["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    )
    schema = Schema(name, {"$ref": f"#/$defs/{name}", "$defs": definitions})
    return violations(value, schema, rule="document")


def test_exchange_and_ledger_are_as_the_document_says(ask: Ask, at: str) -> None:
    """Held with a full exchange, which random requests seldom make."""
    sent = ask("POST", "/acme/usage", json={"events": [usage(), {"id": 7}]})
    told = ask("GET", f"{HOME}/exchanges/{sent.headers['x-meterbox-exchange']}").json()
    assert told["findings"]
    assert told["effects"]
    assert conforms(told, "Exchange") == []
    ask("POST", "/acme/usage", json={"events": [usage()]})
    assert conforms(ask("GET", f"{at}/ledger").json(), "Ledger") == []
    assert conforms({**told, "verdict": "nice"}, "Exchange") != []


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]


@pytest.fixture(scope="module")
def api() -> Any:
    """What schemathesis makes of the document."""
    return schemathesis.openapi.from_dict(
        {**DOCUMENT, "servers": [{"url": "http://localhost" + HOME}]}
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_makes_an_answer_outside_of_the_document(
    acme: Sandbox, api: Any, path: str, method: str
) -> None:
    api.app = acme
    operation = api[path][method.upper()]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, vendor=st.sampled_from(["acme", "acme", "acme", None]))
    def drive(case: Any, vendor: str | None) -> None:
        if vendor is not None and "vendor" in (case.path_parameters or {}):
            case.path_parameters["vendor"] = vendor
        if case.query and "wait" in case.query:
            case.query["wait"] = "0.001"
        case.validate_response(case.call(), checks=CHECKS)

    drive()
