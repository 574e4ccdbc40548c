"""A case played by a forwarder of the user's: a command that is told in its environment where to
send what, and is done when it exits."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from contracts.model import MeterboxError
from contracts.reader import read
from sandbox.proving.case import Case
from sandbox.proving.expectation import Expectation
from sandbox.proving.outcome import Played
from sandbox.proving.place import Place, placed
from sandbox.proving.processes import rushing
from sandbox.proving.tracing import watch
from sandbox.server import Running

__all__ = ["Unstartable", "played_by", "variables"]


class Unstartable(MeterboxError):
    """The command cannot be started."""

    def __init__(self, command: str, why: str) -> None:
        super().__init__(f"--target-command {command!r} cannot be started: {why}.")


def played_by(command: str, case: Case, _: Expectation) -> Played:
    """Run the command to its end. Raises Unstartable."""
    place = asyncio.run(placed(case, rushing(case, 1)))
    trace = watch(place)
    with TemporaryDirectory() as folder, Running(place.sandbox) as server:
        events = Path(folder) / "events.ndjson"
        events.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in case.events))
        code = _ended(command, {**variables(place, server.url), "METERBOX_EVENTS": str(events)})
    stuck = f"the command, with exit code {code}" if code else None
    return Played(place.accounts, None, place.strikes(), stuck, trace)


def variables(place: Place, url: str) -> dict[str, str]:
    """Where each vendor is and the key to show, also by the names that its own clients read."""
    told = {"METERBOX_URL": url}
    for vendor, account in place.accounts.items():
        here = f"{url}/{vendor}"
        told[f"METERBOX_{vendor.upper()}_URL"] = here
        told[f"METERBOX_{vendor.upper()}_KEY"] = account.key
        for name, text in read(vendor).environment.items():
            told[name] = text.format(url=here, key=account.key)
    return told


def _ended(command: str, given: Mapping[str, str]) -> int:
    """The exit code; what the command says goes where errors go."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("METERBOX_")}
    try:
        words = shlex.split(command)
        done = subprocess.run(words, env={**mine, **given}, stdout=2, check=False)
    except (OSError, ValueError, IndexError) as fault:
        raise Unstartable(command, str(fault)) from fault
    return done.returncode
