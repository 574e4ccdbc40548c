"""When meterbox itself fails, the caller is told in the vendor's form and nothing is lost."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import Options, Sandbox, create_app
from sandbox.archive import Archive, ArchiveFault


def ask(sandbox: Sandbox, method: str, path: str, **arguments: Any) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **arguments)

    return asyncio.run(run())


KEY = {"authorization": "Bearer k"}


def test_a_fault_in_a_room_is_a_500_in_the_vendors_words_and_an_exchange(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    sandbox.accounts.open("orb", "k").state.customers = None  # what no request could do
    event = {"events": [{"event_name": "a"}]}
    answer = ask(sandbox, "GET", "/orb/v1/customers/x", headers=KEY)
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("#500-internal-server-error")
    told = sandbox.accounts.exchange(answer.headers["x-meterbox-exchange"])
    assert told is not None
    assert (told.verdict, told.reply.status) == ("refused", 500)
    assert "failed in meterbox" in caplog.text
    assert ask(sandbox, "POST", "/orb/v1/ingest", json=event, headers=KEY).status_code == 400


def test_what_cannot_be_written_is_a_503_and_written_later(tmp_path: Path) -> None:
    """A disk that is full for a while loses nothing that was answered."""
    sandbox = create_app(Options(vendors=["orb"], data_dir=tmp_path))
    archive = sandbox.archive
    assert archive is not None
    archive._db.execute("pragma max_page_count = 1")  # full from now on
    customer = {"name": "A", "email": "a@b.test", "external_customer_id": "acme"}
    big = {**customer, "metadata": {"note": "x" * 20_000}}
    answer = ask(sandbox, "POST", "/orb/v1/customers", json=big, headers=KEY)
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    archive._db.execute("pragma max_page_count = 1000000")
    assert ask(sandbox, "GET", "/orb/v1/ping", headers=KEY).status_code == 200
    archive.close()
    again = create_app(Options(vendors=["orb"], data_dir=tmp_path))
    path = "/orb/v1/customers/external_customer_id/acme"
    assert ask(again, "GET", path, headers=KEY).status_code == 200


def test_who_stops_waiting_for_the_disk_takes_it_from_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        archive = Archive(tmp_path)
        first = asyncio.create_task(archive.written())
        second = asyncio.create_task(archive.written())
        await asyncio.sleep(0)
        first.cancel()
        await second
        archive.close()

    asyncio.run(run())


def test_a_damaged_folder_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(ArchiveFault, match=f"The data folder {tmp_path} cannot be used"):
        Archive(tmp_path)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "journal.sqlite3").execute("select * from kept")


@pytest.mark.parametrize("vendor", ["hyperline", "segment"])
def test_a_credential_that_is_no_ascii_is_refused_and_no_fault(vendor: str) -> None:
    sandbox = create_app(Options(vendors=[vendor]))
    path = {"hyperline": "/hyperline/v1/events", "segment": "/segment/v1/track"}[vendor]
    headers = {"authorization": "Basic \xe9".encode("latin-1")}
    answer = ask(sandbox, "POST", path, json={}, headers=headers)
    assert 400 <= answer.status_code < 500
    assert "x-meterbox-exchange" in answer.headers


def test_a_small_body_that_grows_is_refused_before_it_is_read() -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    body = b'{"events":[' + b"{}," * 200_000 + b"{}]}"
    answer = ask(sandbox, "POST", "/orb/v1/ingest", content=body, headers=KEY)
    assert answer.status_code == 413
    told = sandbox.accounts.exchange(answer.headers["x-meterbox-exchange"])
    assert told is not None
    assert told.findings[0].message == "the body has more than 100,000 objects and lists"


def test_head_is_answered_where_get_is() -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    assert ask(sandbox, "HEAD", "/_meterbox/health").status_code == 200


def test_numbers_of_exchanges_go_on_over_a_reset() -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    first = ask(sandbox, "GET", "/orb/v1/ping", headers=KEY).headers["x-meterbox-exchange"]
    assert ask(sandbox, "POST", "/_meterbox/accounts/orb/k/reset").status_code == 200
    second = ask(sandbox, "GET", "/orb/v1/ping", headers=KEY).headers["x-meterbox-exchange"]
    assert first != second
    assert ask(sandbox, "GET", f"/_meterbox/exchanges/{first}").status_code == 410


def test_a_waiter_sees_what_comes_after_a_reset() -> None:
    async def run() -> httpx.Response:
        sandbox = create_app(Options(vendors=["orb"]))
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            account = "/_meterbox/accounts/orb/k"
            waiting = asyncio.create_task(client.get(f"{account}/exchanges?wait=20"))
            await asyncio.sleep(0.05)
            await client.post(f"{account}/reset")
            await client.get("/orb/v1/ping", headers=KEY)
            return await asyncio.wait_for(waiting, 30)

    assert len(asyncio.run(run()).json()["exchanges"]) == 1


def test_a_request_that_one_limit_refuses_takes_nothing_of_another() -> None:
    sandbox = create_app(Options(vendors=["orb"], settings={"orb.rate-limits": "trial"}))
    account = sandbox.accounts.open("orb", "k")
    account.clock.freeze()
    event = {"event_name": "a", "properties": {}, "external_customer_id": "acme"}
    event["timestamp"] = account.clock.now().isoformat()
    many = {"events": [{**event, "idempotency_key": str(n)} for n in range(101)]}
    few = {"events": [{**event, "idempotency_key": "one"}]}
    asked = [many, many, few, few, few]
    got = [ask(sandbox, "POST", "/orb/v1/ingest", json=body, headers=KEY) for body in asked]
    assert [answer.status_code for answer in got] == [429, 429, 200, 200, 429]


@pytest.mark.parametrize("host", ["api.withorb.com.", "API.withorb.com", "api.withorb.com:443"])
def test_a_host_is_known_however_it_is_spelled(host: str) -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    headers = {**KEY, "host": host}
    assert ask(sandbox, "GET", "/v1/ping", headers=headers).status_code == 200


def test_what_is_cut_off_is_said() -> None:
    sandbox = create_app(Options(vendors=["orb"]))
    body: dict[str, Any] = {"events": [{}] * 3_000}
    answer = ask(sandbox, "POST", "/orb/v1/ingest", json=body, headers=KEY)
    told = sandbox.accounts.exchange(answer.headers["x-meterbox-exchange"])
    assert told is not None
    assert told.findings[-1].message == "there may be more: no more than 2,000 departures are told"
    assert "there may be more" not in answer.text
