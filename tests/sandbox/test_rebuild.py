"""What was answered is kept: after kill -9 the accounts are what they were."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from contracts.reader import vendors
from sandbox.archive import Archive, ArchiveFault
from tests.acme import inside, usage
from tests.conftest import Make
from tests.running import Up, environment, meterbox


@pytest.fixture
def env(acme_root: Path) -> dict[str, str]:
    return environment(acme_root)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Visitor:
    """One key's doings at Acme and at the control API."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=10
        )
        self._at = f"/_meterbox/accounts/acme/{key}"

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def record(self, *ids: str, **headers: str) -> httpx.Response:
        # `at` is of today: these servers run with the machine's clock.
        events = [usage(id, at=self.asked("")["clock"]["now"]) for id in ids]
        return self._client.post("/acme/v2/usage", json={"events": events}, headers=headers)

    def asked(self, what: str) -> Any:
        return self._client.get(f"{self._at}{what}").raise_for_status().json()

    def act(self, method: str, what: str, **given: Any) -> Any:
        return self._client.request(method, f"{self._at}{what}", json=given).raise_for_status()


def load(url: str, key: str, name: str, answered: list[str]) -> None:
    """Record usage until the server is gone; tells what it answered."""
    with Visitor(url, key) as visitor:
        for n in range(100_000):
            try:
                assert visitor.record(f"{name}-{n}").status_code == 200
            except httpx.TransportError:
                return
            answered.append(f"{name}-{n}")


def killed_under_load(up: Up, key: str, *, after: int) -> list[str]:
    """The events answered before a kill -9, while four threads have requests on their way."""
    answered: list[str] = []
    threads = [threading.Thread(target=load, args=(up.url, key, n, answered)) for n in "abcd"]
    for thread in threads:
        thread.start()
    while len(answered) < after and threads[0].is_alive():
        threads[0].join(0.01)
    up.kill()
    for thread in threads:
        thread.join()
    return answered


def test_everything_answered_before_a_kill_is_there_after_it(
    env: dict[str, str], data: Path, key: str
) -> None:
    with Up("--data-dir", str(data), env=env) as up:
        answered = killed_under_load(up, key, after=200)
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        rebuilt = httpx.get(f"{up.url}/_meterbox/health", trust_env=False).json()["rebuilt"]
        kept = {entry["event"] for entry in visitor.asked("/ledger")["entries"]}
        assert len(answered) >= 200
        assert set(answered) <= kept
        assert len(kept) - len(answered) <= 4, "at most what was on its way"
        assert (rebuilt["different"], rebuilt["unknown"]) == (0, 0)
        visitor.record(*answered[:50])
        assert visitor.asked("/ledger")["totals"][0]["quantity"] == len(kept)
        duplicates = visitor.asked("/ledger?outcome=duplicate")["entries"]
        assert [entry["event"] for entry in duplicates] == answered[:50]


def test_clock_settings_faults_and_dashboard_survive(
    env: dict[str, str], data: Path, key: str
) -> None:
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        visitor.act("POST", "/clock", freeze="2026-02-01T00:00:00Z")
        visitor.act("POST", "/clock", advance="13h")
        visitor.act("PATCH", "/settings", **{"acme.usage.most": 3, "acme.usage.late": "1h30m"})
        visitor.act("POST", "/faults", kind="status", times=3, status=503)
        visitor.act("POST", "/dashboard/note", id="n1")
        assert visitor.record("a").status_code == 503
        before = [visitor.asked(what) for what in ("", "/clock", "/faults", "/settings")]
        up.kill()
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        assert [visitor.asked(what) for what in ("", "/clock", "/faults", "/settings")] == before
        assert visitor.act("POST", "/dashboard/count").json() == {"events": 1}
        assert [visitor.record("a").status_code for _ in range(3)] == [503, 503, 200]
        assert visitor.record("a", "b", "c", "d").status_code == 413


def test_a_reset_stays_reset_and_replies_are_replayed(
    env: dict[str, str], data: Path, key: str
) -> None:
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        visitor.record("a")
        visitor.act("POST", "/reset")
        first = visitor.record("b", **{"idempotency-key": "one"})
        sent = first.request.content
        up.kill()
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        assert visitor.asked("/ledger")["totals"][0]["events"] == 1
        headers = {"authorization": f"Bearer {key}", "idempotency-key": "one"}
        at = f"{up.url}/acme/v2/usage"
        again = httpx.post(at, content=sent, headers=headers, trust_env=False)
        assert again.content == first.content
        assert again.headers["replayed"] == "true"


def test_a_journal_is_read_without_the_vendors_it_was_written_with(
    env: dict[str, str], data: Path, key: str
) -> None:
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        visitor.record("a")
        up.kill()
    with Up("--data-dir", str(data)) as up:
        health = httpx.get(f"{up.url}/_meterbox/health", trust_env=False).json()
        assert (health["vendors"], health["rebuilt"]["unknown"]) == (vendors(), 1)
        up.kill()
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        assert visitor.asked("/ledger")["totals"][0]["events"] == 1


def told(env: dict[str, str], data: Path) -> str:
    done = meterbox("up", "--port", "0", "--data-dir", str(data), env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    return line


def test_a_data_folder_in_use_is_one_clear_line(env: dict[str, str], data: Path) -> None:
    with Up("--data-dir", str(data), env=env):
        assert str(data) in told(env, data)


@pytest.mark.parametrize("damage", ["text", "cut off", "other tables", "future", "a row"])
def test_a_damaged_data_folder_is_one_clear_line(
    env: dict[str, str], data: Path, key: str, damage: str
) -> None:
    with Up("--data-dir", str(data), env=env) as up, Visitor(up.url, key) as visitor:
        visitor.record("a")
        up.interrupt()
    file = data / "journal.sqlite3"
    if damage == "text":
        file.write_text("this is no database, but it is long enough to be one " * 20)
    elif damage == "cut off":
        os.truncate(file, file.stat().st_size // 2)
    else:
        wanted = {
            "other tables": "alter table kept drop column reply",
            "future": "pragma user_version = 99",
            "a row": "update kept set headers = 'no json'",
        }
        with closing(sqlite3.connect(file)) as db, db:
            db.execute(wanted[damage])
    assert str(data) in told(env, data)


def test_a_data_folder_that_is_a_file_is_one_clear_line(env: dict[str, str], data: Path) -> None:
    data.write_text("")
    assert str(data) in told(env, data)


def test_keys_in_a_data_folder_are_for_its_owner_alone(made: Make, data: Path) -> None:
    archive = made(data_dir=data).archive
    assert archive is not None
    archive.close()
    assert {file.stat().st_mode & 0o077 for file in data.glob("*.sqlite3")} == {0}


def test_an_archive_that_cannot_be_opened_says_which(data: Path) -> None:
    data.write_text("")
    with pytest.raises(ArchiveFault, match=str(data)):
        Archive(data)


def test_exchanges_of_one_moment_are_on_disk_before_they_are_answered(
    made: Make, data: Path, tmp_path: Path, key: str
) -> None:
    sandbox = made(data_dir=data)

    async def run() -> set[int]:
        async with inside(sandbox, headers={"authorization": f"Bearer {key}"}) as client:
            bodies = [{"events": [usage(str(n))]} for n in range(50)]
            sent = (client.post("/acme/usage", json=body) for body in bodies)
            answers = await asyncio.gather(*sent)
            copytree(data, tmp_path / "copy")  # as a kill would leave it: the original is locked
            return {answer.status_code for answer in answers}

    assert asyncio.run(run()) == {200}
    with closing(sqlite3.connect(tmp_path / "copy" / "journal.sqlite3")) as db:
        assert db.execute("select count(*) from kept").fetchone() == (50,)
