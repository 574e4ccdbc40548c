"""A real port: taken or free, and quick to answer on."""

import http.client
import json
import socket
import time

import httpx
import pytest

from sandbox.server import PortTaken, Running, listen
from tests.acme import usage
from tests.conftest import Make


def test_port_zero_finds_a_free_one() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as other:
        assert one.getsockname()[1] != other.getsockname()[1]


def test_a_port_in_use_is_one_line_that_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            listen("127.0.0.1", port)
    assert str(caught.value).startswith(f"Cannot listen on 127.0.0.1:{port}: ")
    assert str(caught.value).endswith("or let --port 0 find a free one.")


def test_an_address_of_nobody_is_told_as_well() -> None:
    with pytest.raises(PortTaken, match="Cannot listen on 192.0.2.1:"):
        listen("192.0.2.1", 0)


def test_after_the_with_the_port_is_free_again(made: Make) -> None:
    with Running(made()) as running:
        assert httpx.get(f"{running.url}/acme/status", trust_env=False).text == "OK"
        port = int(running.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_no_answer_waits_for_the_client_to_acknowledge_its_head(
    acme_server: Running, key: str
) -> None:
    """Fifty on one connection; with Nagle's algorithm each but the first few would take 40 ms. A
    busy machine may hold up some of them, and not nearly all."""
    wire = http.client.HTTPConnection("127.0.0.1", int(acme_server.url.rpartition(":")[2]))
    took = []
    for n in range(50):
        start = time.perf_counter()
        body = json.dumps({"events": [usage(str(n))]})
        wire.request("POST", "/acme/usage", body, {"x-api-key": key})
        assert wire.getresponse().read()
        took.append(time.perf_counter() - start)
    wire.close()
    assert sorted(took)[25] < 0.04


def test_requests_on_one_connection_are_answered_in_their_order(
    acme_server: Running, key: str
) -> None:
    """Pipelined, as HTTP/1.1 allows."""
    port = int(acme_server.url.rpartition(":")[2])
    asked = b"".join(
        f"GET /acme/usage/n{n} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n".encode()
        for n in range(5)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(asked)
        got = b""
        while got.count(b"no event") < 5:
            got += wire.recv(65_536)
    places = [got.index(f"no event n{n}".encode()) for n in range(5)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /acme/usage HTTP/1.1\r\nhost: x\r\ncontent-length: nine\r\n\r\n",
        b"POST /acme/usage HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /acme/\xff\xfe HTTP/1.1\r\nhost: \xff\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_what_is_no_http_harms_nobody(acme_server: Running, http: httpx.Client, raw: bytes) -> None:
    port = int(acme_server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(raw)
        wire.shutdown(socket.SHUT_WR)
        assert b" 500 " not in wire.recv(65_536)
    assert http.get(f"{acme_server.url}/acme/status").text == "OK"


def test_a_body_cut_off_by_its_sender_is_not_applied(
    acme_server: Running, http: httpx.Client, key: str
) -> None:
    port = int(acme_server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        head = f"POST /acme/usage HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n"
        wire.sendall(head.encode() + b'content-length: 999\r\n\r\n{"events": [')
    told = http.get(f"{acme_server.url}/_meterbox/accounts/acme/{key}").json()
    assert told["exchanges"] == 0
