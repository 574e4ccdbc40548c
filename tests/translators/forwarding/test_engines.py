"""Which outbox a URL names, and that no error of it shows a password."""

import asyncio
import sys
from pathlib import Path

import pytest

from translators.forwarding.engines import open_outbox
from translators.forwarding.outbox import OutboxFault
from translators.forwarding.postgres import PostgresOutbox
from translators.forwarding.sqlite import SqliteOutbox


@pytest.mark.parametrize("scheme", ["", "sqlite:///"], ids=["path", "url"])
def test_a_file_is_an_outbox_in_sqlite(tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "new" / "outbox.sqlite3"
    outbox = open_outbox(f"{scheme}{file}")
    assert isinstance(outbox, SqliteOutbox)
    assert file.exists()
    asyncio.run(outbox.close())


def test_a_path_in_a_url_begins_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(open_outbox("sqlite:///outbox.sqlite3").close())
    assert (tmp_path / "outbox.sqlite3").exists()


def test_memory_is_an_outbox_without_a_file() -> None:
    outbox = open_outbox("memory:")
    assert outbox.poll is None
    asyncio.run(outbox.close())


@pytest.mark.postgres
def test_a_database_is_an_outbox(database: str) -> None:
    outbox = open_outbox(database)
    assert isinstance(outbox, PostgresOutbox)

    async def test() -> None:
        assert await outbox.idle()
        await outbox.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://u:hush@h/db", r"No outbox can be at mysql://\.\.\.\. It is a file, "),
        ("sqlite:///", r"No outbox can be at 'sqlite:///'\. It is a file, "),
        ("postgresql://u:hu%sh@h/db", r"cannot be read\. It is of the form postgresql://"),
        ("postgresql://u:hush@h/db?hush", r"cannot be read\. It is of the form postgresql://"),
    ],
)
def test_a_url_that_names_no_outbox_is_one_clear_line(url: str, told: str) -> None:
    with pytest.raises(OutboxFault, match=told) as raised:
        open_outbox(url)
    assert "hu" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@/db?host={folder}",
        "postgresql://me@/db?host={folder}&password=hush",
        "postgresql://me:hush@127.0.0.1:1/db",
        "postgresql://me:hush@127.0.0.1:none/db",
        "postgresql://me:hush@127.0.0.1/db?sslmode=hush",
    ],
)
def test_no_error_shows_the_password(tmp_path: Path, url: str) -> None:
    async def test() -> None:
        outbox = open_outbox(url.format(folder=tmp_path))
        try:
            await outbox.idle()
        finally:
            await outbox.close()

    with pytest.raises(OutboxFault, match="cannot be") as raised:
        asyncio.run(test())
    assert "hush" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_database_that_does_not_answer_is_told_with_where_and_why() -> None:
    async def test() -> None:
        outbox = open_outbox("postgresql://me:hush@127.0.0.1:1/db")
        try:
            await outbox.idle()
        finally:
            await outbox.close()

    where = r"The outbox postgresql://me@127\.0\.0\.1:1/db cannot be used: "
    with pytest.raises(OutboxFault, match=rf"^{where}.*Connection refused\.$"):
        asyncio.run(test())


def test_without_its_driver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "translators.forwarding.postgres", None)
    with pytest.raises(OutboxFault, match=r"pip install 'meterbox\[postgres\]'"):
        open_outbox("postgresql:///db")
