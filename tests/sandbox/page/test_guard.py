"""Nobody but the page itself, on this machine or with the token, reads it or acts through it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.requests import Request

from sandbox.app import Options, create_app
from sandbox.page.session import Session
from sandbox.server import Running
from tests.sandbox.page.traffic import PLAIN

TOKEN = "a-token-of-this-sandbox"
HTML = {"accept": "text/html"}
PAGE = "/_meterbox/page"
PATHS = ("/", f"{PAGE}/feed", f"{PAGE}/feed/stream?after=0", f"{PAGE}/static/page.css")


@pytest.fixture(scope="module")
def open_house() -> Iterator[str]:
    with Running(create_app(Options(vendors=["orb"]))) as running:
        yield running.url


@pytest.fixture(scope="module")
def closed_house() -> Iterator[str]:
    with Running(create_app(Options(vendors=["orb"], token=TOKEN))) as running:
        yield running.url


def asked(url: str, method: str, path: str, **headers: str) -> httpx.Response:
    """An answer without its body: a stream has no end."""
    with httpx.stream(method, url + path, headers={**HTML, **headers}, **PLAIN) as answer:
        return answer


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[::1"])
def test_a_rebinding_host_gets_nothing(open_house: str, path: str, host: str) -> None:
    assert asked(open_house, "GET", path, host=host).status_code == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "told",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_another_sites_page_reads_nothing(open_house: str, path: str, told: dict[str, str]) -> None:
    assert asked(open_house, "GET", path, **told).status_code == 403


def test_a_link_from_elsewhere_leads_to_the_page(open_house: str) -> None:
    told = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert asked(open_house, "GET", "/", **told).status_code == 200


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({}, 403),  # a browser says where it comes from
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null", "content-type": "text/plain"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": "{own}"}, 303),
    ],
)
def test_only_the_page_itself_changes_something(
    open_house: str, told: dict[str, str], status: int
) -> None:
    told = {name: value.format(own=open_house) for name, value in told.items()}
    assert asked(open_house, "POST", f"{PAGE}/logout", **told).status_code == status


def test_the_browser_is_told_to_run_nothing_of_others(open_house: str) -> None:
    for path in PATHS:
        headers = asked(open_house, "GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", f"{PAGE}/feed", f"{PAGE}/exchanges/x", f"{PAGE}/none"])
def test_who_has_not_shown_the_token_is_asked_for_it(closed_house: str, path: str) -> None:
    answer = asked(closed_house, "GET", path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PAGE}/login?next=")
    part = asked(closed_house, "GET", path, **{"hx-request": "true"})
    if path != "/":
        assert part.status_code == 401
        assert part.headers["hx-redirect"].startswith(f"{PAGE}/login")
    assert (
        asked(closed_house, "GET", f"{PAGE}/feed/stream?after=0", accept="*/*").status_code == 401
    )


def test_the_token_opens_the_page_and_a_session_keeps_it_open(closed_house: str) -> None:
    own = {"origin": closed_house, **HTML}
    with httpx.Client(base_url=closed_house, headers=own, **PLAIN) as browser:
        assert "Token" in browser.get("/", follow_redirects=True).text
        wrong = browser.post(f"{PAGE}/login", data={"token": "guess"})
        assert wrong.status_code == 401
        assert not browser.cookies
        there = f"{PAGE}/feed"
        right = browser.post(f"{PAGE}/login", data={"token": TOKEN, "next": there})
        assert (right.status_code, right.headers["location"]) == (303, there)
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert browser.get("/").status_code == 200
        # The control API takes the token alone, which no other site's page can send.
        assert browser.get("/_meterbox/accounts").status_code == 401
        browser.post(f"{PAGE}/logout")
        assert browser.get("/").status_code == 303


def test_a_program_may_show_the_token_itself(closed_house: str) -> None:
    right = asked(closed_house, "GET", "/", authorization=f"Bearer {TOKEN}")
    assert right.status_code == 200
    for wrong in (TOKEN.encode(), f"Bearer {TOKEN}x".encode(), b"Bearer", b"Bearer \xe9"):
        shown = {b"accept": b"text/html", b"authorization": wrong}
        answer = httpx.get(closed_house, headers=shown, **PLAIN)
        assert answer.status_code == 303


@pytest.mark.parametrize(
    "after",
    [
        "https://evil.example",
        "http://[",
        "//evil.example",
        "/\\evil.example",
        "javascript:1",
        "/_meterbox",
    ],
)
def test_nobody_is_sent_elsewhere_after_the_token(closed_house: str, after: str) -> None:
    given = {"token": TOKEN, "next": after}
    origin = {"origin": closed_house}
    answer = httpx.post(f"{closed_house}{PAGE}/login", data=given, headers=origin, **PLAIN)
    assert answer.headers["location"] == "/"


def request(cookie: str) -> Request:
    headers = [(b"cookie", cookie.encode()), (b"host", b"localhost:80")]
    server = ("localhost", 80)
    return Request({"type": "http", "headers": headers, "path": "/", "server": server})


def test_a_session_ends_and_cannot_be_made_up() -> None:
    from starlette.responses import Response

    now = datetime(2026, 1, 15, tzinfo=UTC)
    began, answer = Session(TOKEN, lambda: now), Response()
    began.begin(request(""), answer)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    later = Session(TOKEN, lambda: now + timedelta(hours=11))
    assert later.known(request(cookie))
    assert not Session(TOKEN, lambda: now + timedelta(hours=13)).known(request(cookie))
    assert not Session("another", lambda: now).known(request(cookie))
    name, _, value = cookie.partition("=")
    until, _, proof = value.partition(".")
    for made in (
        f"{int(until) + 1}.{proof}",
        f"{until}.",
        "",
        ".",
        "1" * 40 + f".{proof}",
        "²." + proof,
    ):
        assert not later.known(request(f"{name}={made}"))
