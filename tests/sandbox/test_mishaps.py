"""Each fault, as a caller with a bare socket sees it, and what became of the usage."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import KINDS, Fault
from sandbox.server import Running
from tests.acme import inside, usage

APPLIED = {
    "status-after", "lost-reply", "reset-after", "late-reply",
    "drip", "truncated", "wrong-length", "malformed", "empty",
}  # fmt: skip


class Caller:
    """Posts one usage on a socket of its own and reads until the other side ends."""

    def __init__(self, server: Running, http: httpx.Client, key: str) -> None:
        self.url = httpx.URL(server.url)
        self.http, self.key = http, key
        self.control = f"{server.url}/_meterbox/accounts/acme/{key}"

    def post(self, fault: dict[str, Any]) -> tuple[bytes, list[float]]:
        """All that came back, and when each part of it did. Raises ConnectionResetError."""
        self.http.post(f"{self.control}/faults", json=fault).raise_for_status()
        body = json.dumps({"events": [usage()]}).encode()
        head = (
            f"POST /acme/usage HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        got, times = b"", []
        with socket.create_connection((self.url.host, self.url.port or 80), timeout=10) as peer:
            peer.sendall(head.encode() + body)
            while part := peer.recv(65_536):
                got += part
                times.append(time.monotonic())
        return got, times

    def outcomes(self) -> list[str]:
        told = self.http.get(f"{self.control}/ledger")
        return [e["outcome"] for e in told.json()["entries"]] if told.status_code == 200 else []


@pytest.fixture
def caller(acme_server: Running, http: httpx.Client, key: str) -> Caller:
    return Caller(acme_server, http, key)


def parted(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize("kind", ["reset", "reset-after"])
def test_a_reset_is_a_reset(caller: Caller, kind: str) -> None:
    with pytest.raises(ConnectionResetError):
        caller.post({"kind": kind})


def test_a_lost_reply_is_an_end_without_a_byte(caller: Caller) -> None:
    assert caller.post({"kind": "lost-reply"})[0] == b""


@pytest.mark.parametrize("kind", ["status", "status-after"])
def test_a_status_is_in_the_vendors_words(caller: Caller, kind: str) -> None:
    got, _ = caller.post({"kind": kind, "status": 502, "retry_after": 7})
    status, headers, body = parted(got)
    assert (status, headers["retry-after"], json.loads(body)) == (502, "7", {"error": "failing"})


@pytest.mark.parametrize("kind", ["delay", "late-reply"])
def test_a_wait_is_waited(caller: Caller, kind: str) -> None:
    begun = time.monotonic()
    got, _ = caller.post({"kind": kind, "seconds": 0.2})
    assert parted(got)[0] == 200
    assert time.monotonic() - begun >= 0.2


def test_a_drip_is_the_whole_answer_bit_by_bit(caller: Caller) -> None:
    got, times = caller.post({"kind": "drip", "seconds": 0.2})
    status, headers, body = parted(got)
    assert (status, len(body)) == (200, int(headers["content-length"]))
    assert json.loads(body)
    assert times[-1] - times[0] >= 0.15


def test_a_truncated_answer_ends_before_its_length(caller: Caller) -> None:
    status, headers, body = parted(caller.post({"kind": "truncated"})[0])
    assert status == 200
    assert len(body) < int(headers["content-length"])


def test_a_wrong_length_is_less_than_what_comes(caller: Caller) -> None:
    status, headers, body = parted(caller.post({"kind": "wrong-length"})[0])
    assert status == 200
    assert len(body) > int(headers["content-length"])


def test_malformed_is_of_the_length_it_says_and_no_json(caller: Caller) -> None:
    status, headers, body = parted(caller.post({"kind": "malformed"})[0])
    assert (status, len(body)) == (200, int(headers["content-length"]))
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_empty_is_empty(caller: Caller) -> None:
    status, headers, body = parted(caller.post({"kind": "empty"})[0])
    assert (status, headers["content-length"], body) == (200, "0", b"")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"duplicate-webhook", "in-flight"}))
def test_what_is_applied_is_billed_and_what_is_not_is_not(caller: Caller, kind: str) -> None:
    try:
        caller.post({"kind": kind, "seconds": 0.01})
    except ConnectionResetError:
        assert kind.startswith("reset")
    applied = kind in APPLIED or kind == "delay"
    assert caller.outcomes() == (["accepted"] if applied else [])


@pytest.mark.parametrize("kind", ["truncated", "wrong-length", "malformed", "empty", "drip"])
def test_without_a_socket_it_is_as_near_as_can_be(
    acme: Sandbox, account: Account, kind: Any
) -> None:
    async def post() -> httpx.Response:
        async with inside(acme, headers={"authorization": f"Bearer {account.key}"}) as client:
            return await client.post("/acme/usage", json={"events": [usage()]})

    account.faults.add(Fault(kind, seconds=0.01))
    if kind == "truncated":
        with pytest.raises(ConnectionResetError):
            asyncio.run(post())
    else:
        assert (kind == "drip") == _readable(asyncio.run(post()))
    assert [entry.outcome for entry in account.ledger.entries()] == ["accepted"]


def _readable(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def test_a_request_in_flight_is_answered_so_in_the_vendors_words() -> None:
    """For a vendor with idempotency keys in a header."""
    sandbox = create_app(Options(vendors=["orb"]))
    key = f"test_{uuid4().hex}"
    account = sandbox.accounts.open("orb", key)
    account.faults.add(Fault("in-flight"))
    body = b'{"name": "Acme", "email": "a@acme.test"}'
    head = (
        f"POST /orb/v1/customers HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Idempotency-Key: k-1\r\nConnection: close\r\n\r\n"
    )
    answers = []
    with Running(sandbox) as server:
        url = httpx.URL(server.url)
        for _ in range(2):
            got = b""
            with socket.create_connection((url.host, url.port or 80), timeout=10) as peer:
                peer.sendall(head.encode() + body)
                while part := peer.recv(65_536):
                    got += part
            answers.append(parted(got))
    assert [status for status, _, _ in answers] == [409, 201]
    assert json.loads(answers[0][2])["type"].endswith("#409-resource-conflict")
