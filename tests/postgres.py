"""A PostgreSQL of our own for a test run, with a database for each test that asks for one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

__all__ = ["Server", "database", "postgres_server"]

MISSING = "PostgreSQL is not installed: .ci/postgres installs it"
# What is here is gone with the test: no disk need be waited for.
FAST = ("fsync=off", "synchronous_commit=on", "full_page_writes=off", "max_connections=50")


class Server:
    """Runs inside `with`, on a socket in a folder of its own, and as another user than root."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not below pytest's folder: a socket's path has to be short.
        self._folder = Path(tempfile.mkdtemp(prefix="meterbox-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None

    def __enter__(self) -> Server:
        if self._user is not None:
            shutil.chown(self._folder, self._user, self._user)
        self._log = (self._folder / "log").open("w")
        data = str(self._folder / "data")
        made = ("-D", data, "-U", "postgres", "--auth", "trust", "-E", "UTF8", "--no-sync")
        self._run("initdb", *made).wait()
        where = ("-D", data, "-k", str(self._folder), "-c", "listen_addresses=")
        self._process = self._run("postgres", *where, *(o for f in FAST for o in ("-c", f)))
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={quote(str(self._folder))}&user=postgres"

    def do(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # The user may have no way into the folder that the tests are started in.
        return subprocess.Popen(
            [self._programs / program, *arguments],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )

    def _await(self) -> None:
        for _ in range(200):
            try:
                return self.do("select 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text())


def programs() -> Path | None:
    """Where PostgreSQL's own programs are; Debian keeps them apart."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    folder = programs()
    if folder is None:
        pytest.skip(MISSING)
    with Server(folder) as server:
        yield server


@pytest.fixture
def database(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"t{uuid4().hex}"
    postgres_server.do(f"create database {name}")
    yield postgres_server.url(name)
    postgres_server.do(f"drop database {name} with (force)")
