"""`meterbox watch` on real sockets: nothing is changed on the way, and all is looked at."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import orb
import pytest
from click.testing import CliRunner
from starlette.types import Receive, Scope, Send

from contracts.reader import read
from sandbox.app import Options, create_app
from sandbox.body import LARGEST
from sandbox.cli.main import commands
from sandbox.server import Running
from sandbox.switchboard import load
from sandbox.verifying.calling import Routes
from sandbox.watching.inspection import Inspector
from sandbox.watching.relay import Passed, Relay
from sandbox.watching.watchbook import Record, Sight, Watchbook
from tests.running import PROGRAM, environment
from tests.sandbox.verifying.drifted import Drifted
from tests.waiting import until

KEY = "orb_test_Zq7vB2xN8kLp"
USERZ = b'{"query": "{ userz { id } }"}'
SECRET = "Zq7vB2xN8kLpTTTsecret"
EVENT = {
    "event_name": "api_call",
    "timestamp": "2026-01-15T12:00:00Z",
    "idempotency_key": "k-1",
    "external_customer_id": "acme",
    "properties": {"region": "eu"},
}


@dataclass
class Upstream:
    """Remembers what comes, and answers what it is told to."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=lambda: [b"{}"])
    scope: Any = None
    body: bytes = b""
    count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.scope, self.body, self.count = scope, b"", self.count + 1
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        for piece in self.pieces:
            if piece == b"!":
                raise ConnectionResetError
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Watched:
    """A relay, what stands behind it, and what was seen."""

    url: str
    book: Watchbook
    seen: list[Sight]
    upstream: Upstream


def relayed(vendor: str, url: str, record: Record | None = None) -> tuple[Relay, Watchbook, Any]:
    contract, seen = read(vendor), list[Sight]()
    inspector = Inspector(load([vendor])[vendor], live=False)
    book = Watchbook(contract, inspector, seen.append, record)
    return Relay(Routes(contract, {"": url}), book.see), book, seen


@pytest.fixture
def watched(http: httpx.Client) -> Iterator[Watched]:
    upstream = Upstream()
    with Running(upstream, dated=False) as behind:
        relay, book, seen = relayed("orb", behind.url)
        with Running(_Quiet(relay), dated=False) as before:
            yield Watched(before.url, book, seen, upstream)


class _Quiet:
    """A relay as a server has it: its lifespan is what `Starlette` makes of it in the command."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            async with self._relay.lifespan():
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await self._relay(scope, receive, send)


def test_the_real_client_works_through_it_and_a_bad_answer_is_found(tmp_path: Path) -> None:
    """orb-billing, a sandbox behind, and one field of its answers planted wrong."""
    drifted = Drifted(create_app(Options(vendors=["orb"])), ("renamed",))
    record, bad = Record(tmp_path / "r.ndjson"), cast("Any", {**EVENT, "timestamp": "yesterday"})
    with record, Running(drifted) as behind:
        relay, book, seen = relayed("orb", f"{behind.url}/orb", record)
        with (
            Running(_Quiet(relay), dated=False) as before,
            orb.Orb(base_url=f"{before.url}/v1", api_key=KEY, max_retries=0) as client,
        ):
            made = client.customers.create(name="Acme", email="a@acme.test")
            assert client.customers.fetch(made.id).name == "Acme"
            client.events.backfills.create(
                timeframe_start="2026-01-01T00:00:00Z", timeframe_end="2026-01-02T00:00:00Z"
            )
            with pytest.raises(orb.BadRequestError):
                client.events.ingest(events=[bad])
    endpoints = [sight.inspected.endpoint for sight in seen]
    assert endpoints == ["create-customer", "fetch-customer", "create-backfill", "ingest"]
    assert [sight.bad for sight in seen] == [False, False, True, True]
    paths = {found.path for found in seen[2].inspected.findings}
    assert "answer $.closed_at" in paths
    (asked,) = (f for f in seen[3].inspected.findings if f.path.startswith("request"))
    assert (asked.path, asked.rule) == ("request $.events[0].timestamp", "orb.ingest.timestamp")
    assert asked.source
    assert asked.fix
    assert (book.passed, book.failed, book.unchecked) == (2, 2, 0)
    lines = (tmp_path / "r.ndjson").read_text()
    assert len(lines.splitlines()) == 4
    assert [text for text in _spellings(KEY) if text in lines] == []
    assert [text for text in _spellings(KEY) if text in repr(book.report("x"))] == []


def _spellings(key: str) -> list[str]:
    return [key, *(base64.b64encode(t.encode()).decode() for t in (key, f"{key}:"))]


def test_requests_arrive_as_they_were_sent(watched: Watched) -> None:
    """To the byte: path and query as spelled, headers in order and more than once, and the body."""
    packed = gzip.compress(json.dumps({"events": [EVENT]}).encode())
    head = (
        "POST /v1/ingest/%7Ea%2Fb+c?x=%20&x=2&y=%E2%82%AC&empty= HTTP/1.1\r\n"
        "Host: api.example\r\nX-Twice: 1\r\nX-Twice: 2\r\nAccept-Encoding: br;q=0.1\r\n"
        "Content-Encoding: gzip\r\nConnection: close, X-Own\r\nX-Own: stays\r\nTE: trailers\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(packed)}\r\n\r\n"
    )
    answer = _raw(watched.url, head.encode() + packed)
    assert answer.startswith(b"HTTP/1.1 200")
    told = watched.upstream
    assert told.scope["raw_path"] == b"/v1/ingest/%7Ea%2Fb+c"
    assert told.scope["query_string"] == b"x=%20&x=2&y=%E2%82%AC&empty="
    assert told.body == packed
    passed = [(name, value) for name, value in told.scope["headers"] if name != b"host"]
    assert passed == [
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"accept-encoding", b"br;q=0.1"),
        (b"content-encoding", b"gzip"),
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-length", str(len(packed)).encode()),
    ]


def _raw(url: str, request: bytes) -> bytes:
    at = httpx.URL(url)
    with socket.create_connection((at.host, at.port or 80), timeout=20) as connection:
        connection.sendall(request)
        told = b""
        while piece := connection.recv(65536):
            told += piece
    return told


def test_answers_come_back_as_they_were_given(watched: Watched) -> None:
    packed = gzip.compress(b'{"validation_failed": [], "duplicate": []}')
    watched.upstream.headers = [
        (b"date", b"Thu, 15 Jan 2026 12:00:00 GMT"),
        (b"server", b"theirs"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-encoding", b"gzip"),
        (b"content-type", b"application/json"),
        (b"keep-alive", b"timeout=5"),
        (b"content-length", str(len(packed)).encode()),
    ]
    watched.upstream.pieces = [packed[:7], packed[7:]]
    asked = "GET /v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: c\r\n\r\n"
    head, _, body = _raw(watched.url, asked.encode()).partition(b"\r\n\r\n")
    assert body == packed
    names = [line.lower() for line in head.split(b"\r\n")[1:]]
    assert names.count(b"date: thu, 15 jan 2026 12:00:00 gmt") == 1
    assert [n for n in names if n.startswith(b"date:")] == [names[0]]
    assert b"server: theirs" in names
    assert [n for n in names if n.startswith(b"set-cookie")] == [
        b"set-cookie: a=1",
        b"set-cookie: b=2",
    ]
    assert b"keep-alive: timeout=5" not in names


def test_a_key_is_written_down_nowhere_wherever_it_is_shown(
    http: httpx.Client, tmp_path: Path
) -> None:
    """In a path, a query, a body, and an answer that repeats it."""
    key = "prv_test_Zq7vB2xN8kLpTTT"
    upstream = Upstream(400, pieces=[json.dumps({"message": f"no {key}"}).encode()])
    with Record(tmp_path / "r.ndjson") as record, Running(upstream) as behind:
        relay, book, seen = relayed("kana", behind.url, record)
        with Running(_Quiet(relay)) as before:
            asked = f"{before.url}/segment/events"
            headers = {"authorization": key, "x-odd": key}
            http.post(asked, params={"k": key}, json={"type": "track", "k": key}, headers=headers)
            http.get(f"{before.url}/nothing/{key}", auth=(key, ""))
    told = (tmp_path / "r.ndjson").read_text() + repr(book.report("x"))
    told += "".join(repr((sight.path, sight.inspected)) for sight in seen)
    assert len(seen) == 2
    assert [text for text in _spellings(key) if text in told] == []


@pytest.mark.parametrize(
    ("vendor", "path", "query", "headers"),
    [
        ("segment", f"/v1/projects/{SECRET}/settings", b"", []),
        ("orb", "/v1/ping", b"", [(b"x-api-key", SECRET.encode())]),
        ("orb", "/v1/ping", b"api_key=" + SECRET.encode(), []),
    ],
)
def test_a_key_that_is_shown_elsewhere_is_not_written_down_either(
    tmp_path: Path, vendor: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """In a path, or where the vendor looks for none, though the answer repeats it."""
    passed = Passed("GET", path, query, headers, datetime.now(UTC), status=401)
    passed.answer.add(json.dumps({"detail": f"no {SECRET}"}).encode())
    with Record(tmp_path / "r.ndjson") as record:
        _, book, seen = relayed(vendor, "http://127.0.0.1:1", record)
        book.see(passed)
    told = (tmp_path / "r.ndjson").read_text() + repr(book.report("x"))
    assert SECRET not in told + repr((seen[0].path, seen[0].inspected))


@pytest.mark.parametrize("status", [204, 302, 404, 429, 503])
def test_no_status_is_followed_or_tried_again(
    watched: Watched, http: httpx.Client, status: int
) -> None:
    watched.upstream.status = status
    watched.upstream.headers = [(b"location", b"/elsewhere"), (b"retry-after", b"0")]
    watched.upstream.pieces = [] if status == 204 else [b"nothing"]
    answer = http.get(f"{watched.url}/v1/ping")
    assert (answer.status_code, watched.upstream.count) == (status, 1)
    assert answer.headers["location"] == "/elsewhere"


def test_a_body_too_large_to_be_checked_passes_and_that_is_said(
    watched: Watched, http: httpx.Client
) -> None:
    """In both directions, and none of it is kept."""
    piece = b"x" * 65_536
    count = LARGEST // len(piece) + 2
    watched.upstream.pieces = [piece] * count
    answer = http.post(f"{watched.url}/v1/ingest", content=(piece for _ in range(count)))
    assert len(answer.content) == len(watched.upstream.body) == len(piece) * count
    (sight,) = until(lambda: watched.seen)  # once the last of the answer has gone
    assert sight.inspected.unchecked[0] == f"the request's {len(piece) * count} bytes"
    assert sight.inspected.unchecked[1] == f"the answer: {len(piece) * count} bytes"
    assert sight.passed.request.parts == sight.passed.answer.parts == []


def test_an_upstream_that_is_away_is_a_502_that_says_whose(http: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    relay, book, seen = relayed("orb", f"http://127.0.0.1:{port}")
    with Running(_Quiet(relay), dated=False) as before:
        answer = http.get(f"{before.url}/v1/ping")
    assert answer.status_code == 502
    assert answer.headers["x-meterbox-watch"] == "no-answer"
    why = f"meterbox watch, and not the vendor: nothing came back from http://127.0.0.1:{port}"
    assert answer.json()["error"].startswith(why)
    assert seen[0].inspected.unchecked[0].startswith("nothing came back")
    assert (book.passed, book.failed, book.unchecked) == (0, 0, 1)


@pytest.mark.parametrize("headers", [[(b"content-length", b"100")], []])
def test_an_answer_that_breaks_off_breaks_off_here_too(
    watched: Watched, http: httpx.Client, headers: list[tuple[bytes, bytes]]
) -> None:
    """Whether it said how long it would be or not."""
    watched.upstream.headers = headers
    watched.upstream.pieces = [b"half", b"!"]
    with pytest.raises(httpx.HTTPError):
        http.get(f"{watched.url}/v1/ping")
    watched.upstream.pieces, watched.upstream.headers = [b"{}"], []
    assert http.get(f"{watched.url}/v1/ping").status_code == 200


@pytest.mark.parametrize(
    ("vendor", "method", "path", "body", "status", "answer", "found"),
    [
        ("orb", "GET", "/v1/ping", None, 200, b"{}", ["answer $"]),
        ("orb", "GET", "/v1/ping", None, 418, b"{}", ["answer status"]),
        ("orb", "GET", "/v1/ping", None, 200, b"<html>", ["answer $"]),
        ("orb", "POST", "/v1/ingest", b"{", 500, b"", ["request $"]),
        ("kana", "POST", "/graphql", USERZ, 200, b"{}", ["request $.query"]),
    ],
)
def test_what_departs_is_found_in_both_directions(
    http: httpx.Client,
    vendor: str,
    method: str,
    path: str,
    body: bytes | None,
    status: int,
    answer: bytes,
    found: list[str],
) -> None:
    upstream = Upstream(status, [(b"content-type", b"application/json")], [answer])
    with Running(upstream) as behind:
        relay, _, seen = relayed(vendor, behind.url)
        with Running(_Quiet(relay)) as before:
            headers = {"content-type": "application/json"}
            http.request(method, f"{before.url}{path}", content=body, headers=headers)
    paths = [finding.path for finding in seen[0].inspected.findings]
    assert set(found) <= set(paths)
    assert all(finding.rule in read(vendor).rules for finding in seen[0].inspected.findings)


def test_the_command_tells_as_it_goes_and_sums_up(tmp_path: Path, server: Running) -> None:
    upstream, record = f"{server.url}/orb", tmp_path / "r.ndjson"
    command = [*PROGRAM, "watch", "orb", "--upstream", upstream, "--port", "0"]
    command += ["--record", str(record), "--report", f"junit={tmp_path / 'r.xml'}"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), **pipes) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.split(" at ")[1].partition(",")[0]
        headers = {"authorization": f"Bearer {KEY}"}
        body = {"events": [{**EVENT, "idempotency_key": 7}]}
        answer = httpx.post(f"{url}/ingest", json=body, headers=headers, trust_env=False)
        assert answer.status_code == 400
        said = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=20)
    text = first + "".join(said) + rest
    assert process.returncode == 1, stderr
    assert f"export ORB_BASE_URL={url}" in text
    assert "at request $.events[0].idempotency_key: 7 is not of type 'string'" in text
    assert "1 exchanges of Orb" in text
    assert KEY not in text + stderr + record.read_text() + (tmp_path / "r.xml").read_text()
    assert "Traceback" not in stderr


def test_a_vendor_itself_is_watched_only_when_that_is_said() -> None:
    asked = ["watch", "orb", "--upstream", "https://api.withorb.com/v1"]
    done = CliRunner().invoke(commands, asked, prog_name="meterbox")
    assert done.exit_code == 2
    assert "api.withorb.com is Orb itself. Say --live if that is meant" in done.stderr
