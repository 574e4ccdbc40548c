"""The engines of the outbox, so that one suite tries them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from translators.forwarding.outbox import Outbox
from translators.forwarding.sqlite import SqliteOutbox


@dataclass
class Engine:
    """One outbox and where it is kept; `lists` tells whether it lists deliveries at once."""

    folder: Path
    name: ClassVar[str] = ""
    durable: ClassVar[bool] = True
    lists: ClassVar[bool] = True

    async def open(self) -> Outbox:
        return SqliteOutbox()


class Memory(Engine):
    name, durable = "memory", False


class File(Engine):
    name = "sqlite"

    async def open(self) -> Outbox:
        return SqliteOutbox(self.folder / "outbox.sqlite3")


ENGINES: list[type[Engine]] = [Memory, File]
DURABLE = [engine for engine in ENGINES if engine.durable]
