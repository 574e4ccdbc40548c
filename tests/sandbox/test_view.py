"""What is shown: everything but keys, and values short enough to read."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.model import Violation
from contracts.reader import read_folder
from sandbox import view
from sandbox.account import Account
from sandbox.auth import redacted
from sandbox.faults import Fault
from sandbox.reply import Decision, Effects, Reply, Request, Usage
from tests.acme import HERE, NOW, usage
from tests.acme.app import create_room
from tests.conftest import Ask

LETTERS = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789_-"), min_size=12, max_size=40
)


def opened(key: str) -> Account:
    return Account(create_room(read_folder(HERE)), key, seed=0, source=lambda: NOW)


def recorded(account: Account, request: Request, reply: Reply, value: Any = None) -> Any:
    finding = Violation("$.a", f"wrong: {value!r}", value, "acme.usage.structure")
    effects = Effects(
        "accepted",
        [Usage(account.key, account.key, account.key, Decimal("0.10"))],
        "acme.usage.late",
    )
    decision = Decision(reply, (effects,), (finding,))
    return account.record(request, "record-usage", decision, NOW)


def everything(account: Account, told: Any) -> str:
    """All that any view shows of an account and one exchange."""
    shown = [
        view.exchange(told, account),
        view.summary(told, account),
        view.account(account),
        view.settings(account),
        view.ledger(account, account.ledger.entries(), account.ledger.totals()),
    ]
    return view.dumps(shown).decode()


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(
    LETTERS,
    st.sampled_from(
        ["authorization", "x-api-key", "x-forwarded-authorization", "cookie", "x-other"]
    ),
    st.sampled_from(["{}", "Bearer {}", "bearer  {} ", "Basic {}", "k={}; a=b"]),
    st.sampled_from(["{}", '{{"key": "{}", "events": []}}', "{{{}", '["x{}y"]']),
)
def test_a_key_appears_in_no_view_wherever_it_was_sent(
    name: str, header: str, written: str, body: str
) -> None:
    key = f"ak_{name}"
    account = opened(key)
    request = Request(
        "POST",
        f"/usage/{key}",
        f"key={key}&a={quote(key)}".encode(),
        {header.encode(): written.format(key).encode()},
        body.format(key).encode(),
    )
    headers = ((b"x-echo", key.encode()),)
    told = recorded(account, request, Reply.json({"no": key}, 400, headers), {"given": key})
    assert key not in everything(account, told)


@given(LETTERS)
def test_a_basic_credential_appears_in_no_view(name: str) -> None:
    import base64

    account = opened(f"ak_{name}")
    encoded = base64.b64encode(f"ak_{name}:".encode())
    told = recorded(
        account, Request("GET", "/", headers={b"authorization": b"Basic " + encoded}), Reply(200)
    )
    assert encoded.decode() not in everything(account, told)


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_another_accounts_key_in_a_credential_header_is_redacted_too(header: str) -> None:
    account = opened("")
    told = recorded(
        account,
        Request("GET", "/", headers={header.encode(): b"Bearer somebody-elses"}),
        Reply(401),
    )
    assert "somebody-elses" not in everything(account, told)


def shown(ask: Ask, account: Account) -> dict[str, Any]:
    """A refused exchange with two events, as JSON."""
    ask("POST", "/acme/v2/usage?a=1", json={"events": [usage("e1", -1), usage("e2")]})
    told = account.journal.get(1)
    assert told is not None
    read: dict[str, Any] = json.loads(view.dumps(view.exchange(told, account)))
    return read


def test_an_exchange_reads_as_it_is_documented(ask: Ask, account: Account) -> None:
    told = shown(ask, account)
    body, media = '{"error":"1 mistakes"}', "application/json"
    assert told.pop("request")["body"].startswith('{"events":[{"id":"e1"')
    assert told.pop("response") == {"status": 400, "headers": {}, "media": media, "body": body}
    assert (len(told.pop("findings")), len(told.pop("effects"))) == (1, 2)
    assert told == {
        "id": f"acme-{account.handle}-1",
        "vendor": "acme",
        "account": redacted(account.key),
        "time": "2026-01-15T12:00:00.000Z",
        "endpoint": "record-usage",
        "method": "POST",
        "path": "/v2/usage",
        "status": 400,
        "verdict": "refused",
        "fault": None,
        "outcomes": {"rejected": 2},
        "rules": ["acme.usage.quantity"],
    }


def test_a_finding_reads_as_it_is_documented(ask: Ask, account: Account) -> None:
    assert shown(ask, account)["findings"] == [
        {
            "path": "$.events[0].quantity",
            "message": "-1 is less than the minimum of 0",
            "value": -1,
            "rule": "acme.usage.quantity",
            "source": "made up",
            "confidence": "documented",
            "suggestion": None,
        }
    ]


def test_an_effect_reads_as_it_is_documented(ask: Ask, account: Account) -> None:
    assert shown(ask, account)["effects"] == [
        {
            "event": event,
            "customer": "c1",
            "meter": "calls",
            "quantity": quantity,
            "outcome": "rejected",
            "rule": "acme.usage.quantity",
        }
        for event, quantity in (("e1", -1), ("e2", 1))
    ]


def test_a_large_value_is_shown_by_its_beginning() -> None:
    account = opened("ak_one")
    told = recorded(account, Request("GET", "/"), Reply(400), {"a": "x" * 10_000})
    [finding] = view.exchange(told, account)["findings"]
    assert finding["value"].startswith('{"a":"xxx')
    assert len(finding["value"]) == 500


@pytest.mark.parametrize("value", [None, 0, "", "x" * 400, [1, 2], {"a": None}])
def test_a_small_value_is_shown_whole(value: Any) -> None:
    account = opened("ak_one")
    told = recorded(account, Request("GET", "/"), Reply(400), value)
    assert view.exchange(told, account)["findings"][0]["value"] == value


def test_a_zipped_request_is_shown_unzipped_and_odd_bytes_as_they_can_be() -> None:
    import gzip

    account = opened("ak_one")
    zipped = Request("POST", "/", headers={b"content-encoding": b"gzip"}, body=gzip.compress(b"hi"))
    odd = Request("POST", "/", headers={b"content-encoding": b"gzip"}, body=b"\xff no gzip")
    assert view.exchange(recorded(account, zipped, Reply(200)), account)["request"]["body"] == "hi"
    shown = view.exchange(recorded(account, odd, Reply(400)), account)["request"]["body"]
    assert shown == "\\xff no gzip"


def test_a_fault_is_shown_by_its_kind() -> None:
    account = opened("ak_one")
    decision = Decision(Reply(503))
    told = account.record(Request("GET", "/"), None, decision, NOW, Fault("status"))
    assert (view.summary(told, account)["fault"], view.summary(told, account)["verdict"]) == (
        "status",
        "fault",
    )


def test_a_decimal_keeps_every_digit_and_a_length_of_time_reads_as_written() -> None:
    assert (
        view.dumps({"a": Decimal("0.30"), "b": timedelta(minutes=90)}) == b'{"a":0.30,"b":"1h30m"}'
    )


def test_what_has_no_json_form_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="object"):
        view.dumps(object())


def test_settings_show_what_they_may_be() -> None:
    assert view.settings(opened("ak_one"))["acme.rate-limits"] == {
        "value": "off",
        "default": "off",
        "kind": "choice",
        "values": ("off", "live", "trial"),
    }
