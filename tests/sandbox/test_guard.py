"""Without a token the control API is for this machine alone; no web page elsewhere can drive it."""

import httpx
import pytest

from sandbox.server import Running


def status(server: Running, **headers: str) -> int:
    at = f"{server.url}/_meterbox/accounts/orb/guarded/reset"
    return httpx.post(at, headers=headers).status_code


def test_a_program_of_this_machine_is_let_in(server: Running) -> None:
    assert status(server) == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:4020", "127.0.0.2", "[::1]:4020"])
def test_every_name_of_this_machine_is_let_in(server: Running, host: str) -> None:
    assert status(server, host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", ""])
def test_another_host_name_is_refused(server: Running, host: str) -> None:
    """A name that was made to point here by DNS is the page's own, and not ours."""
    assert status(server, host=host) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_is_refused(server: Running, origin: str) -> None:
    assert status(server, origin=origin) == 403


def test_our_own_page_is_let_in(server: Running) -> None:
    assert status(server, origin=server.url) == 200


def test_vendors_answer_whatever_the_origin(server: Running) -> None:
    headers = {"origin": "https://shop.example", "authorization": "Bearer guarded"}
    assert httpx.get(f"{server.url}/orb/v1/ping", headers=headers).status_code == 200
