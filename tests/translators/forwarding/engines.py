"""The engines of the outbox, so that one suite tries them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from translators.forwarding.outbox import Outbox
from translators.forwarding.postgres import PostgresOutbox
from translators.forwarding.sqlite import SqliteOutbox


@dataclass
class Engine:
    """One outbox and where it is kept: in a folder, or in a database if it `shares` one."""

    folder: Path
    database: str = ""
    name: ClassVar[str] = ""
    shares: ClassVar[bool] = False

    async def open(self) -> Outbox:
        return SqliteOutbox()

    @property
    def url(self) -> str:
        """What the commands call it."""
        return self.database or str(self.folder / "outbox.sqlite3")


class Memory(Engine):
    name = "memory"


class File(Engine):
    name = "sqlite"

    async def open(self) -> Outbox:
        return SqliteOutbox(Path(self.url))


class Postgres(Engine):
    name, shares = "postgresql", True

    async def open(self) -> Outbox:
        return PostgresOutbox(self.url)


def each(*engines: type[Engine]) -> list[Any]:
    """Parameters for a test or a fixture."""
    marks = {True: [pytest.mark.postgres], False: []}
    return [pytest.param(each, id=each.name, marks=marks[each.shares]) for each in engines]


def of(request: pytest.FixtureRequest, folder: Path) -> Engine:
    """The engine that a fixture is asked for, with nothing in it."""
    made: Engine = request.param(folder)
    if made.shares:
        made.database = request.getfixturevalue("database")
    return made


ENGINES, DURABLE = each(Memory, File, Postgres), each(File, Postgres)
