"""The proxy on real sockets: in to the sandbox, on to what is allowed, and otherwise nowhere."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from threading import Thread
from typing import Any

import httpx
import pytest

from sandbox.proxy import conversation
from sandbox.proxy import proxy as proxying
from tests.acme import usage
from tests.sandbox.proxy.conftest import HOST, Proxied, proxied
from tests.waiting import until

SITE = f"https://{HOST}"


def keyed(key: str) -> dict[str, str]:
    return {"x-api-key": key}


def billed(proxy: Proxied, key: str) -> list[str]:
    url = f"{proxy.url}/_meterbox/accounts/acme/{key}/ledger"
    return [entry["event"] for entry in httpx.get(url, trust_env=False).json()["entries"]]


@pytest.mark.parametrize("site", [SITE, f"http://{HOST}", f"{SITE}:8443", "https://EU.acme.test"])
def test_a_vendors_host_leads_into_the_sandbox(
    proxy: Proxied, caller: httpx.Client, key: str, site: str
) -> None:
    answer = caller.post(f"{site}/v2/usage", json={"events": [usage("n1")]}, headers=keyed(key))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-meterbox-exchange"].startswith("acme-")
    assert billed(proxy, key) == ["n1"]


def test_the_exchange_is_as_it_came(proxy: Proxied, caller: httpx.Client, key: str) -> None:
    """Its Host too; what was said to the proxy alone is not in it."""
    headers = {**keyed(key), "proxy-connection": "keep-alive", "x-odd": "1"}
    answer = caller.get(f"http://{HOST}/usage/a%2Fb?x=1&y=%20", headers=headers)
    url = f"{proxy.url}/_meterbox/exchanges/{answer.headers['x-meterbox-exchange']}"
    told = httpx.get(url, trust_env=False).json()["request"]
    assert (told["path"], told["query"]) == ("/usage/a%2Fb", "x=1&y=%20")
    assert told["headers"]["host"] == HOST
    assert told["headers"]["x-odd"] == "1"
    assert "proxy-connection" not in told["headers"]


def test_one_connection_carries_many_requests(proxy: Proxied, key: str) -> None:
    with proxy.client() as client:
        for n in range(5):
            body = {"events": [usage(f"n{n}")]}
            client.post(f"{SITE}/usage", json=body, headers=keyed(key)).raise_for_status()
            assert client.head(f"{SITE}/status").content == b""
    assert len(billed(proxy, key)) == 5


def test_bodies_come_chunked_and_zipped(proxy: Proxied, caller: httpx.Client, key: str) -> None:
    zipped = gzip.compress(json.dumps({"events": [usage("z")]}).encode())
    pieces = (zipped[n : n + 7] for n in range(0, len(zipped), 7))
    headers = {**keyed(key), "content-encoding": "gzip", "content-type": "application/json"}
    caller.post(f"{SITE}/usage", content=pieces, headers=headers).raise_for_status()
    assert billed(proxy, key) == ["z"]


def test_who_asks_before_sending_a_body_is_told_to(proxy: Proxied, key: str) -> None:
    body = json.dumps({"events": [usage("e")]}).encode()
    head = f"POST /usage HTTP/1.1\r\nhost: {HOST}\r\nx-api-key: {key}\r\nexpect: 100-continue\r\n"
    with proxy.inside() as wire:
        wire.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        assert wire.recv(65_536).startswith(b"HTTP/1.1 100 ")
        wire.sendall(body)
        assert wire.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_in_one_go_are_answered_in_their_order(proxy: Proxied, key: str) -> None:
    asked = "".join(
        f"GET /usage/n{n} HTTP/1.1\r\nhost: {HOST}\r\nx-api-key: {key}\r\n\r\n" for n in range(4)
    )
    with proxy.inside() as wire:
        wire.sendall(asked.encode())
        got = b""
        while got.count(b"no event") < 4:
            got += wire.recv(65_536)
    assert re.findall(rb"no event (n\d)", got) == [b"n0", b"n1", b"n2", b"n3"]


@pytest.mark.parametrize("kind", ["lost-reply", "reset-after", "truncated"])
def test_a_fault_befalls_the_connection_through_the_proxy_too(
    proxy: Proxied, caller: httpx.Client, key: str, kind: str
) -> None:
    url = f"{proxy.url}/_meterbox/accounts/acme/{key}/faults"
    httpx.post(url, json={"kind": kind}, trust_env=False).raise_for_status()
    with pytest.raises(httpx.TransportError):
        caller.post(f"{SITE}/usage", json={"events": [usage("n1")]}, headers=keyed(key))
    assert billed(proxy, key) == ["n1"]


# Not into the sandbox.


@pytest.mark.parametrize("url", ["https://example.com/x", "https://acme.test", "https://10.0.0.1"])
def test_a_tunnel_elsewhere_is_refused_in_one_line_that_clients_show(
    proxy: Proxied, caller: httpx.Client, url: str
) -> None:
    """Most of them show the status line alone."""
    host = httpx.URL(url).host
    with pytest.raises(httpx.ProxyError, match=f"403 .* nothing leave this machine for {host}"):
        caller.get(url)
    assert proxy.egress.refusals[-1].line.startswith(f"meterbox: CONNECT {host}:443 refused: ")


def test_a_request_elsewhere_in_the_clear_is_refused_in_one_line(caller: httpx.Client) -> None:
    answer = caller.get("http://example.com:8080/x")
    assert answer.status_code == 403
    assert answer.text == (
        "meterbox: GET example.com:8080 refused: nothing leaves this machine for example.com. "
        "If it must, allow it with --allow-host example.com.\n"
    )


def test_a_live_key_is_refused_and_nothing_is_billed(
    proxy: Proxied, caller: httpx.Client, key: str
) -> None:
    live = f"ak_live_{key}"
    answer = caller.post(f"{SITE}/usage", json={"events": [usage("n")]}, headers=keyed(live))
    assert answer.status_code == 403
    assert answer.text.startswith(f"meterbox: POST {SITE}/usage refused: the key ak_live_…(")
    assert key not in answer.text
    assert answer.text.count("\n") == 1
    found = proxy.sandbox.accounts.find("acme", live)
    assert found is None


def test_the_path_of_a_refused_request_is_told_as_it_was_sent(
    proxy: Proxied, caller: httpx.Client
) -> None:
    answer = caller.get(f"{SITE}/usage/%0Aa%1B%20b", headers=keyed("ak_live_1"))
    assert answer.text.startswith(f"meterbox: GET {SITE}/usage/%0Aa%1B%20b refused: ")
    assert proxy.egress.refusals[-1].line == answer.text.removesuffix("\n")


@pytest.mark.parametrize("names", [("x-api-key", "X-API-Key"), ("x-api-key", "x-other")])
def test_a_live_key_beside_another_key_is_refused_too(
    proxy: Proxied, key: str, names: tuple[str, str]
) -> None:
    """Which of two headers counts, each server knows for itself."""
    with proxy.inside() as wire:
        keys = f"{names[0]}: ak_live_1\r\n{names[1]}: {key}\r\n"
        wire.sendall(f"GET /status HTTP/1.1\r\nhost: {HOST}\r\n{keys}\r\n".encode())
        assert wire.recv(65_536).startswith(b"HTTP/1.1 403 ")


MEGABYTES = b"x" * 5_000_000


@pytest.mark.parametrize("url", ["http://example.com/", "http://127.0.0.1:1/"])
def test_who_sends_much_is_told_too_why_it_goes_nowhere(proxy: Proxied, url: str) -> None:
    """And is not cut off in the middle of it: most clients listen only when all is said."""
    caller = HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    with closing(caller):
        caller.request("POST", url, MEGABYTES)
        answer = caller.getresponse()
        assert answer.status in (403, 502)
        assert answer.read().startswith(b"meterbox: POST ")


def test_who_sends_much_to_another_host_in_a_tunnel_is_told_so(
    proxy: Proxied, caller: httpx.Client
) -> None:
    answer = caller.post(f"{SITE}/usage", content=MEGABYTES, headers={"host": "other.test"})
    assert answer.status_code == 421
    assert proxy.egress.refusals[-1].line == answer.text.removesuffix("\n")


def test_a_live_key_is_taken_where_that_is_allowed(lenient: Proxied, key: str) -> None:
    with lenient.client() as client:
        headers = keyed(f"ak_live_{key}")
        answer = client.post(f"{SITE}/usage", json={"events": [usage("n")]}, headers=headers)
    assert answer.status_code == 200


def test_no_websocket_is_begun(caller: httpx.Client) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    answer = caller.get(f"{SITE}/status", headers=headers)
    assert (answer.status_code, answer.text) == (
        501,
        f"meterbox: no websocket to {HOST}: Acme has none here.\n",
    )


def test_a_tunnel_leads_to_its_own_host_only(caller: httpx.Client, proxy: Proxied) -> None:
    """Not to the control API, which answers to a Host of this machine."""
    answer = caller.get(f"{SITE}/_meterbox/accounts", headers={"host": "127.0.0.1"})
    assert (answer.status_code, answer.text) == (
        421,
        f"meterbox: a request for '127.0.0.1' came on a connection to {HOST}.\n",
    )
    other = caller.get(f"{SITE}/status", headers={"host": "eu.acme.test"})
    assert other.status_code == 421


def test_who_does_not_trust_the_authority_is_told_nothing(proxy: Proxied) -> None:
    client = httpx.Client(proxy=proxy.variables["HTTPS_PROXY"], trust_env=False)
    with client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"{SITE}/status")


# On to what is allowed.


class Site(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        told = {"path": self.path, "headers": dict(self.headers.items()), "body": body.decode()}
        sent = gzip.compress(json.dumps(told).encode())
        self.send_response(201)
        for name, value in (("content-encoding", "gzip"), ("content-length", str(len(sent)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_this_machine_passes_in_the_clear_as_it_was_asked(caller: httpx.Client) -> None:
    with site() as port:
        url = f"http://127.0.0.1:{port}/a%2Fb?x=%20"
        answer = caller.post(url, content=b"abc", headers={"x-odd": "1", "connection": "x-gone"})
    told = answer.json()
    assert (answer.status_code, told["path"], told["body"]) == (201, "/a%2Fb?x=%20", "abc")
    sent = {name.lower(): value for name, value in told["headers"].items()}
    assert sent["x-odd"] == "1"
    assert sent["host"] == f"127.0.0.1:{port}"
    assert sent["user-agent"].startswith("python-httpx")


def test_this_machine_passes_through_a_tunnel_untouched(proxy: Proxied) -> None:
    with site() as port, proxy.wire() as wire:
        early = b"POST /x HTTP/1.1\r\nhost: y\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        wire.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nhost: x\r\n\r\n".encode() + early)
        got = b""
        while piece := wire.recv(65_536):
            got += piece
    assert got.startswith(b"HTTP/1.1 200 Connected\r\n\r\nHTTP/1.1 201 Created\r\n")


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> str:
    """A host elsewhere, as far as anybody is told: its name leads back to this machine."""
    lookup = socket.getaddrinfo

    def asked(host: Any, *rest: Any, **more: Any) -> Any:
        return lookup("127.0.0.1" if host in (name, name.encode()) else host, *rest, **more)

    name = "far.allowed.test"
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    return name


def test_an_allowed_host_passes_either_way(proxy: Proxied, caller: httpx.Client, far: str) -> None:
    with site() as port:
        clear = caller.post(f"http://{far}:{port}/x", content=b"a").json()
        with proxy.wire() as wire:
            wire.sendall(f"CONNECT {far}:{port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert wire.recv(100) == b"HTTP/1.1 200 Connected\r\n\r\n"
            wire.sendall(b"POST /y HTTP/1.1\r\nhost: z\r\ncontent-length: 0\r\n\r\n")
            assert wire.recv(100).startswith(b"HTTP/1.1 201 Created\r\n")
    assert (clear["path"], clear["body"]) == ("/x", "a")
    assert clear["headers"]["host"] == f"{far}:{port}"


def test_this_machines_other_names_are_never_looked_up(
    proxy: Proxied, caller: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers for them would be somebody else."""
    lookup = socket.getaddrinfo

    def asked(host: Any, *rest: Any, **more: Any) -> Any:
        assert b"api.localhost" not in (host, str(host).encode()), "it is looked up"
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with site() as port:
        clear = caller.post(f"http://api.localhost:{port}/x", content=b"a").json()
        with proxy.wire() as wire:
            wire.sendall(f"CONNECT API.localhost.:{port} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert wire.recv(100) == b"HTTP/1.1 200 Connected\r\n\r\n"
    assert clear["headers"]["host"] == f"api.localhost:{port}"


def test_where_nobody_answers_the_caller_is_told(proxy: Proxied, caller: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = caller.get(f"http://127.0.0.1:{port}/x")
    assert answer.status_code == 502
    assert answer.text.startswith(f"meterbox: GET http://127.0.0.1:{port}/x came to nothing: ")
    with pytest.raises(httpx.ProxyError, match="502 Bad Gateway"):
        caller.get(f"https://127.0.0.1:{port}/x")


def test_the_proxy_is_no_site(proxy: Proxied) -> None:
    answer = httpx.get(f"{proxy.variables['HTTP_PROXY']}/usage", trust_env=False)
    assert answer.status_code == 400
    assert answer.text.startswith("meterbox: this is a proxy, for HTTPS_PROXY and HTTP_PROXY; ")


# What is bad, slow or huge.


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"400"),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://x/ HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", b"400"),
        (b"GET ftp://x/ HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"GET http:/// HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"GET http://[::1/ HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"CONNECT api.acme.test HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"CONNECT /:443 HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"CONNECT api.acme.test:443 HTTP/1.1\r\nhost: x\r\n\r\nearly", b"400"),
        (b"GET http://x/ HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000, b"431"),
    ],
)
def test_what_is_no_good_http_is_told_so_and_left(
    proxy: Proxied, caller: httpx.Client, raw: bytes, status: bytes
) -> None:
    with proxy.wire() as wire:
        wire.sendall(raw)
        got = b""
        with suppress(ConnectionResetError):  # it reads no further
            while piece := wire.recv(65_536):
                got += piece
    assert got.startswith(b"HTTP/1.1 " + status)
    assert caller.get(f"{SITE}/status").text == "OK"


def test_a_body_cut_off_by_its_sender_is_not_applied(proxy: Proxied, key: str) -> None:
    head = f"POST /usage HTTP/1.1\r\nhost: {HOST}\r\nx-api-key: {key}\r\ncontent-length: 999\r\n"
    with proxy.inside() as wire:
        wire.sendall(f'{head}\r\n{{"events": ['.encode())
        wire.unwrap()
    assert proxy.sandbox.accounts.find("acme", key) is None


def test_a_tunnel_in_a_tunnel_is_refused(proxy: Proxied) -> None:
    with proxy.inside() as wire:
        wire.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert wire.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_who_says_nothing_for_long_is_left(proxy: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 0.1)
    with proxy.wire() as wire:
        wire.sendall(b"GET http://x/ HTTP/1.1\r\nhost")
        assert wire.recv(100) == b""


def test_who_says_a_little_at_a_time_is_left_too(
    proxy: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 0.2)
    with proxy.wire() as wire:
        wire.sendall(b"GET http://x/ HTTP/1.1\r\nhost: x\r\nx: ")

        def left() -> bool:
            wire.sendall(b"y")
            return bool(select([wire], [], [], 0.03)[0])

        until(left)
        assert wire.recv(100) == b""


def test_there_are_no_more_connections_than_can_be_served(
    proxy: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxying, "AT_ONCE", 0)
    with proxy.wire() as wire:
        assert wire.recv(100).startswith(b"HTTP/1.1 503 ")


def test_callers_who_left_halfway_are_no_errors_when_it_closes(
    acme_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with proxied(acme_root, tmp_path) as closing_soon:
        for _ in range(5):
            with closing_soon.wire() as wire:
                wire.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                assert wire.recv(10) == b"HTTP/1.1 2"  # the rest is never read: it is a reset
        with closing_soon.client() as caller:
            assert caller.get(f"{SITE}/status").text == "OK"
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
