"""Webhooks of a vendor nobody has: delivered, tried again, sent again, and never sent twice."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.model import BadValue
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.courier import Courier, addresses
from sandbox.reply import Decision
from sandbox.server import Running
from sandbox.webhooks import Message, Target, Webhooks
from tests.acme import NOW, known, usage
from tests.conftest import Make
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_control import conforms
from tests.waiting import until

SECRET = "s3cret-of-this-target"


class Post:
    """Acme tells of each event that it counts, a minute and then an hour between tries."""

    def collect(self, account: Account, decision: Decision | None, now: datetime) -> None:
        for effects in decision.effects if decision is not None else ():
            for item in effects.items:
                for target in account.webhooks.targets.values():
                    if target.wants("usage"):
                        body = json.dumps({"event": item.event}).encode()
                        account.webhooks.post(Message(item.event, "usage", target.id, body, now))

    def headers(self, account: Account, target: Target, message: Message) -> Mapping[str, str]:
        if not target.secret:
            raise LookupError("no secret")
        return {"x-signed": f"{target.secret} {account.clock.now().isoformat()}"}

    def waits(self, _: Mapping[str, Any]) -> list[timedelta]:
        return [timedelta(minutes=1), timedelta(hours=1)]


def telling(made: Make, **options: Any) -> Sandbox:
    """Acme with webhooks."""
    sandbox = made(source=lambda: NOW, **options)
    object.__setattr__(sandbox.accounts.rooms["acme"], "webhooks", Post())
    return sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Acme:
    """One account of a running Acme, with one target."""

    def __init__(self, sandbox: Sandbox, server: Running, key: str, url: str) -> None:
        self.account = sandbox.accounts.open("acme", key)
        self.target = Target("t1", url, SECRET, NOW)
        self.account.webhooks.add(self.target)
        self.http = httpx.Client(
            base_url=server.url, headers={"authorization": f"Bearer {key}"}, trust_env=False
        )
        self.at = f"/_meterbox/accounts/acme/{key}"

    def send(self, *ids: str) -> httpx.Response:
        return self.http.post("/acme/usage", json={"events": [usage(id) for id in ids]})

    def advance(self, by: str) -> None:
        assert self.http.post(f"{self.at}/clock", json={"advance": by}).status_code == 200

    def shown(self) -> dict[str, Any]:
        told: dict[str, Any] = self.http.get(f"{self.at}/webhooks").json()
        assert conforms(told, "Webhooks") == []
        return told

    def outcome(self, *wanted: str) -> list[dict[str, Any]]:
        """The deliveries, once they have these outcomes."""

        def look() -> list[dict[str, Any]] | None:
            told: list[dict[str, Any]] = self.shown()["deliveries"]
            return told if [one["outcome"] for one in told] == list(wanted) else None

        return until(look) or []

    def tries(self) -> list[int]:
        """How many attempts each delivery took, in order of their number."""
        return sorted(len(one["attempts"]) for one in self.shown()["deliveries"])

    def attempts(self, count: int) -> None:
        until(lambda: len(self.shown()["deliveries"][0]["attempts"]) == count)


@pytest.fixture
def acme_told(made: Make, key: str, receiver: Receiver) -> Iterator[Acme]:
    sandbox = telling(made)
    with Running(sandbox) as server:
        acme = Acme(sandbox, server, key, receiver.url)
        yield acme
        acme.http.close()


def test_a_delivery_arrives_with_what_the_vendor_puts_beside_it(
    acme_told: Acme, receiver: Receiver
) -> None:
    acme_told.send("e1")
    [delivery] = acme_told.outcome("delivered")
    [got] = receiver.received
    assert (got.path, got.body) == ("/hook", b'{"event": "e1"}')
    assert got.headers["x-signed"] == f"{SECRET} 2026-01-15T12:00:00+00:00"
    assert delivery["attempts"] == [{"time": "2026-01-15T12:00:00.000Z", "status": 200, "why": ""}]


def test_a_failed_delivery_is_tried_again_on_the_accounts_clock(
    acme_told: Acme, receiver: Receiver
) -> None:
    receiver.answers[:] = [500, 302]
    acme_told.send("e1")
    acme_told.attempts(1)
    acme_told.advance("59s")
    acme_told.advance("1s")
    acme_told.attempts(2)
    assert len(receiver.received) == 2
    acme_told.advance("1h")
    [delivery] = acme_told.outcome("delivered")
    assert [a["status"] for a in delivery["attempts"]] == [500, 302, 200]
    assert [a["time"][11:19] for a in delivery["attempts"]] == ["12:00:00", "12:01:00", "13:01:00"]
    assert {got.path for got in receiver.received} == {"/hook"}


def test_a_delivered_webhook_may_come_again(acme_told: Acme, receiver: Receiver) -> None:
    fault = {"kind": "duplicate-webhook"}
    acme_told.http.post(f"{acme_told.at}/faults", json=fault).raise_for_status()
    acme_told.send("e1", "e2")
    acme_told.outcome("delivered", "delivered")
    # The second attempt is told once it was answered, some time after the receiver has it.
    until(lambda: acme_told.tries() == [1, 2])
    assert len(receiver.received) == 3
    assert [
        e["outcome"] for e in acme_told.http.get(f"{acme_told.at}/ledger").json()["entries"]
    ] == [
        "accepted",
        "accepted",
    ]


def test_after_the_last_try_a_delivery_has_failed_and_can_be_sent_again(
    acme_told: Acme, receiver: Receiver
) -> None:
    receiver.answers[:] = [500] * 3
    acme_told.send("e1")
    for count in (1, 2):
        acme_told.attempts(count)
        acme_told.advance("1h")
    acme_told.outcome("failed")
    again = acme_told.http.post(f"{acme_told.at}/webhooks/resend", json={"delivery": 1})
    assert again.json() == {"delivery": 2}
    first, second = acme_told.outcome("failed", "delivered")
    assert (first["resent"], second["resent"]) == (False, True)
    assert (second["message"], second["body"]) == (first["message"], first["body"])


@pytest.mark.parametrize("given", [{"delivery": 9}, {"delivery": True}, {"delivery": "1"}, {}])
def test_what_was_never_delivered_cannot_be_sent_again(acme_told: Acme, given: Any) -> None:
    acme_told.send("e1")
    acme_told.outcome("delivered")
    answer = acme_told.http.post(f"{acme_told.at}/webhooks/resend", json=given)
    assert (answer.status_code, "the number of a delivery" in answer.text) == (400, True)


def test_nobody_listening_is_an_attempt_that_says_so(acme_told: Acme) -> None:
    acme_told.target.url = "http://127.0.0.1:9/"
    acme_told.send("e1")
    acme_told.attempts(1)
    attempt = acme_told.shown()["deliveries"][0]["attempts"][0]
    assert (attempt["status"], attempt["why"].partition(":")[0]) == (None, "ConnectError")


def test_a_target_that_does_not_answer_in_its_time_is_tried_again(acme_told: Acme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        acme_told.target.url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        acme_told.target.timeout = 0.01
        acme_told.send("e1")
        acme_told.attempts(1)
    [attempt] = acme_told.shown()["deliveries"][0]["attempts"]
    assert (attempt["status"], attempt["why"]) == (None, "TimeoutError")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "hooks.localhost"])
def test_a_name_of_this_machine_is_sent_to_without_being_looked_up(
    acme_told: Acme, receiver: Receiver, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    lookup = socket.getaddrinfo

    def heard(name: Any, *rest: Any, **more: Any) -> Any:
        asked.append(name)
        return lookup(name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", heard)
    acme_told.target.url = receiver.url.replace("127.0.0.1", host)
    acme_told.send("e1")
    acme_told.outcome("delivered")
    port = receiver.url.split(":")[2].partition("/")[0]
    assert receiver.received[0].headers["host"] == f"{host.lower()}:{port}"
    assert not any("localhost" in str(name).lower() for name in asked)


def test_a_name_of_this_machine_is_tried_at_both_of_itsaddresses() -> None:
    assert addresses("hooks.localhost") == addresses("localhost") == ("127.0.0.1", "::1")
    assert addresses("localhost.test") == ("localhost.test",)


@pytest.mark.parametrize(
    ("url", "secret", "outcome", "whys"),
    [
        ("http://xn--.localhost/", SECRET, "blocked", []),
        ("http://127.0.0.1:9/", "", "pending", ["LookupError: no secret"]),
    ],
    ids=["a name that is none", "a signature that fails"],
)
def test_a_target_that_cannot_be_sent_to_keeps_no_other_from_being_told(
    acme_told: Acme, receiver: Receiver, url: str, secret: str, outcome: str, whys: list[str]
) -> None:
    odd = Target("t0", url, secret, NOW)
    webhooks = acme_told.account.webhooks
    webhooks.targets = {"t0": odd, **webhooks.targets}
    acme_told.send("e1")
    acme_told.attempts(len(whys))
    first, _ = acme_told.outcome(outcome, "delivered")
    assert [attempt["why"] for attempt in first["attempts"]] == whys


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "http://[::1", "https://hooks.test/", "http://localhost.test/", ""]
)
def test_another_machine_is_not_sent_to(acme_told: Acme, url: str) -> None:
    acme_told.target.url = url
    acme_told.send("e1")
    [delivery] = acme_told.outcome("blocked")
    assert delivery["attempts"] == []


def test_hosts_that_are_named_may_be_sent_to() -> None:
    allowed = {"https://Hooks.test/": True, "http://192.0.2.1/": False, "http://127.9.9.9/": True}
    courier = Courier(hosts=["hooks.TEST"])
    assert {url: courier._allowed(url) for url in allowed} == allowed
    assert Courier(hosts=["*"])._allowed("http://192.0.2.1/")


def test_a_disabled_target_is_not_tried_again(acme_told: Acme, receiver: Receiver) -> None:
    receiver.answers[:] = [500]
    acme_told.send("e1")
    acme_told.attempts(1)
    acme_told.target.enabled = False
    acme_told.advance("1m")
    acme_told.outcome("stopped")
    assert len(receiver.received) == 1


def test_a_reset_account_tries_nothing_again(acme_told: Acme, receiver: Receiver) -> None:
    receiver.answers[:] = [500]
    acme_told.send("e1")
    acme_told.attempts(1)
    acme_told.http.post(f"{acme_told.at}/reset")
    acme_told.advance("2h")
    assert acme_told.shown() == {"targets": [], "deliveries": [], "dropped": 0}
    assert len(receiver.received) == 1


def test_secrets_are_shown_nowhere(acme_told: Acme, receiver: Receiver) -> None:
    sent = acme_told.send(SECRET)
    acme_told.outcome("delivered")
    shown = [
        json.dumps(acme_told.shown()),
        acme_told.http.get(f"/_meterbox/exchanges/{sent.headers['x-meterbox-exchange']}").text,
    ]
    assert receiver.received[0].body == f'{{"event": "{SECRET}"}}'.encode()
    assert not any(SECRET in text for text in shown)


def test_what_a_data_folder_brings_back_is_not_sent_again(
    made: Make, key: str, acme_root: Path, receiver: Receiver, tmp_path: Path
) -> None:
    with known(acme_root):
        first = create_app(Options(vendors=["orb"], data_dir=tmp_path))
        with Running(first) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
            mine = {"authorization": f"Bearer {key}"}
            http.post("/orb/webhook_endpoints", json={"url": receiver.url}, headers=mine)
            at = f"/_meterbox/accounts/orb/{key}"
            http.post(f"{at}/dashboard/send-test-webhook")
            until(lambda: http.get(f"{at}/webhooks").json()["deliveries"][0]["attempts"])
        again = create_app(Options(vendors=["orb"], data_dir=tmp_path))
        with Running(again) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
            [kept] = http.get(f"{at}/webhooks").json()["deliveries"]
            assert (kept["outcome"], kept["attempts"]) == ("withheld", [])
            assert json.loads(kept["body"]) == json.loads(receiver.received[0].body)
            http.post(f"{at}/webhooks/resend", json={"delivery": kept["delivery"]})
            until(lambda: len(receiver.received) == 2)
    assert receiver.received[0].body == receiver.received[1].body


def test_without_a_running_server_nothing_is_sent(made: Make, key: str) -> None:
    sandbox = telling(made)
    account = sandbox.accounts.open("acme", key)
    account.webhooks.add(Target("t1", "http://127.0.0.1:9/", SECRET, NOW))

    async def run() -> None:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"authorization": f"Bearer {key}"}
            await client.post("/acme/usage", json={"events": [usage()]}, headers=headers)

    asyncio.run(run())
    assert [d.outcome for d in account.webhooks.deliveries] == ["pending"]


def test_deliveries_are_kept_up_to_a_number_and_the_rest_is_counted() -> None:
    webhooks = Webhooks(kept=2)
    for id in ("a", "b", "c"):
        webhooks.post(Message(id, "usage", "t1", b"", NOW))
    assert ([d.number for d in webhooks.deliveries], webhooks.dropped) == ([2, 3], 1)
    with pytest.raises(BadValue):
        webhooks.resend(1)
    assert webhooks.resend(2).number == 4


def test_a_full_view_is_as_the_document_says(acme_told: Acme) -> None:
    acme_told.send("e1", "e2")
    acme_told.outcome("delivered", "delivered")
    assert acme_told.shown()["targets"] == [
        {
            "id": "t1",
            "url": acme_told.target.url,
            "secret": "s3cret-o…(21)",
            "created": "2026-01-15T12:00:00.000Z",
            "types": None,
            "style": "",
            "enabled": True,
        }
    ]
