"""What is shown: everything but keys, and values short enough to read."""

import json
from base64 import b64encode
from collections.abc import Iterator
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
from sandbox.veil import Veil
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
        "handle": account.handle,
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


SECRET = "s3cr3t-0123456789-abcdef"


def test_a_key_in_a_path_is_shown_to_nobody() -> None:
    account = opened("")
    path = f"/projects/{SECRET}/settings"
    told = recorded(account, Request("GET", path, params={"key": SECRET}), Reply(200))
    assert SECRET not in everything(account, told)
    assert view.summary(told, account)["path"] == f"/projects/{redacted(SECRET)}/settings"
    short = recorded(account, Request("GET", "/v1/ab/x", params={"write_key": "ab"}), Reply(200))
    assert view.summary(short, account)["path"] == f"/v1/{redacted('ab')}/x"


@pytest.mark.parametrize("written", ["a%2Fb", "a%2fb", "%61%2F%62"])
def test_a_key_in_a_path_is_hidden_however_it_is_encoded(written: str) -> None:
    told = recorded(opened(""), Request("GET", f"/v1/{written}", params={"key": "a/b"}), Reply(200))
    assert view.summary(told, opened(""))["path"] == f"/v1/{redacted('a/b')}"
    long = Request("GET", f"/v1/x-s3cr3t%2f{written}!", params={"key": "s3cr3t/a/b!"})
    assert "cr3t" not in view.summary(recorded(opened(""), long, Reply(200)), opened(""))["path"]


def test_an_identifier_in_a_path_is_no_key() -> None:
    told = recorded(
        opened(""), Request("GET", "/usage/e1-long", params={"id": "e1-long"}), Reply(200)
    )
    assert view.summary(told, opened(""))["path"] == "/usage/e1-long"


def texts(node: Any) -> Iterator[str]:
    """Every text in a JSON value, and every name."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield from (text for pair in node.items() for item in pair for text in texts(item))
    elif isinstance(node, list):
        yield from (text for item in node for text in texts(item))


@pytest.mark.parametrize(
    "key", [f"bad_{SECRET}", f"no key? {SECRET}", f'"{SECRET}\\/', "käse-" * 3]
)
@pytest.mark.parametrize("way", ["bearer", "user", "password", "raw", "token", "header", "body"])
def test_a_refused_credential_is_shown_nowhere(key: str, way: str) -> None:
    encoded = key.encode()
    given = {
        "bearer": {b"authorization": b"Bearer " + encoded},
        "user": {b"authorization": b"Basic " + b64encode(encoded + b":")},
        "password": {b"authorization": b"Basic " + b64encode(b"me:" + encoded)},
        "raw": {b"authorization": encoded},
        "token": {b"authorization": b"Token " + encoded},
        "header": {b"x-api-key": encoded},
    }.get(way, {})
    body = json.dumps({"key": key, "again": [key]}).encode()
    request = Request(
        "POST",
        f"/a/{key}",
        f"a={quote(key)}&b={key}&c={quote(key, safe='').lower()}".encode(),
        {**given, b"x-other": encoded},
        body,
    )
    account = opened("")
    told = recorded(account, request, Reply.json({"no": key}, 401), {"a": [key], key: 1})
    assert told.request.parsed is None
    shown = texts(json.loads(view.dumps(view.exchange(told, account))))
    spelled = {key, encoded.decode("latin-1"), quote(key), json.dumps(key)[1:-1]}
    assert not [(text, w) for text in shown for w in spelled if w in text]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "X-Forwarded-Authorization",
        "X-Goog-Api-Key",
        "apikey",
        "X-Auth-Token",
        "X-Client-Secret",
        "Cookie",
        "Set-Cookie",
        "X-Segment-Settings",
    ],
)
def test_a_header_of_a_secret_name_is_masked_in_request_and_answer(name: str) -> None:
    account = opened("ak_one")
    header = name.lower().encode()
    request = Request("GET", "/", headers={header: SECRET.encode()})
    told = recorded(account, request, Reply(200, headers=((header, SECRET.encode()),)))
    shown = view.exchange(told, account)
    assert shown["request"]["headers"] == {header.decode(): redacted(SECRET)}
    assert shown["response"]["headers"] == {header.decode(): redacted(SECRET)}
    assert told.request.headers == {header: SECRET.encode()}


FIELDS = [
    *("api_key", "apiKey", "client_secret", "client_assertion", "access_token"),
    *("refresh_token", "password", "secret", "writeKey", "WRITEKEY", "Password"),
]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "written",
    [
        '{{"a": {{"{}" : "{}"}}}}',
        '[{{"b": 1, "{}":"{}"',
        "a=1&{}={}&b=2",
        "{}={}",
    ],
)
def test_a_field_of_a_secret_name_is_masked_in_request_and_answer(name: str, written: str) -> None:
    account = opened("ak_one")
    sent = written.format(name, SECRET + '\\"more' if "{{" in written else SECRET).encode()
    told = recorded(
        account, Request("POST", "/", f"a=1&{name}={SECRET}".encode(), body=sent), Reply(200, sent)
    )
    shown = everything(account, told)
    assert SECRET not in shown
    assert "more" not in shown
    assert name in view.exchange(told, account)["response"]["body"]
    assert (told.request.body, told.reply.body) == (sent, sent)


def test_a_field_of_another_name_is_shown() -> None:
    account = opened("ak_one")
    body = b'{"idempotency_key": "k-1", "secrets": "none", "tokens": "3", "password": null}'
    told = recorded(account, Request("POST", "/", b"passwords=2", body=body), Reply(200))
    request = view.exchange(told, account)["request"]
    assert (request["body"], request["query"]) == (body.decode(), "passwords=2")


def test_a_secret_field_in_a_finding_is_masked() -> None:
    account = opened("ak_one")
    told = recorded(account, Request("POST", "/"), Reply(400), {"a": [{"password": SECRET}]})
    [finding] = view.exchange(told, account)["findings"]
    assert finding["value"] == {"a": [{"password": f"…({len(SECRET)})"}]}
    wrong = Violation("$.client_secret", f"{SECRET!r} is short", SECRET, "acme.usage.structure")
    told = account.record(Request("POST", "/"), None, Decision(Reply(400), (), (wrong,)), NOW)
    assert SECRET not in everything(account, told)


class Counted(list[Any]):
    """A list that knows how much of it was looked at."""

    seen = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.seen += 1
            yield item


def test_of_a_huge_value_no_more_is_read_than_is_shown() -> None:
    account = opened("ak_one")
    huge = Counted(["x" * 50] * 100_000)
    told = recorded(account, Request("GET", "/"), Reply(400))
    finding = Violation("$", "wrong", {"a": huge}, "acme.usage.structure")
    told.findings = (finding,)
    [shown] = view.exchange(told, account)["findings"]
    assert (len(shown["value"]), shown["value"][:8]) == (500, '{"a":["x')
    assert huge.seen < 20


def test_a_value_nested_deeper_than_json_writers_go_is_shown_as_text() -> None:
    account = opened("ak_one")
    for levels in (200, 5_000):
        deep: Any = 7
        for _ in range(levels):
            deep = [deep]
        told = recorded(account, Request("GET", "/"), Reply(400))
        told.findings = (Violation("$", "deep", deep, "acme.usage.structure"),)
        [shown] = json.loads(view.dumps(view.exchange(told, account)))["findings"]
        assert shown["value"].startswith("[" * 200)
        assert len(shown["value"]) <= 500


@pytest.mark.parametrize("at", range(480, 505))
def test_a_key_on_the_edge_of_what_is_shown_is_not_shown_in_part(at: int) -> None:
    key = f"ak_{SECRET}"
    account = opened(key)
    value = "." * at + key + "." * 200
    for told in (value, [key] * 100, key * 40):
        exchange = recorded(account, Request("GET", "/"), Reply(400))
        exchange.findings = (Violation("$", "m", told, "acme.usage.structure"),)
        [shown] = view.exchange(exchange, account)["findings"]
        assert key[:9] not in shown["value"]
        assert len(shown["value"]) <= 500


def test_a_large_body_is_shown_by_its_first_mebibyte() -> None:
    key, most = f"ak_{SECRET}", 1024 * 1024
    account = opened(key)
    whole, more = b"x" * most, b"x" * (most + 7)
    edge = b"x" * (most - 5) + key.encode() + b"y"
    for body, size, left in ((whole, most, 0), (more, most, 7), (edge, most - 5, len(key) + 1)):
        told = recorded(account, Request("POST", "/", body=body), Reply(200, body))
        shown = view.exchange(told, account)
        end = f"… ({left} bytes left out)" if left else ""
        assert shown["request"]["body"] == shown["response"]["body"] == "x" * size + end


@pytest.mark.parametrize("written", ['{"token": "%s"}', "a %s b", '{"a": {"b": ["%s"]}}'])
def test_a_json_web_token_is_shown_nowhere(written: str) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmVk-_"
    for veil in (Veil([]), Veil(["key"])):
        shown = veil.body((written % token).encode())
        assert token not in shown
        assert "eyJhbGci…(51)" in shown
        assert veil.text("a.eyJ.b") == "a.eyJ.b"
