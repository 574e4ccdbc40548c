"""A repro bundle: one JSON file that says all there is to a run, to have it elsewhere.

It holds events as they are, and no keys: the accounts are made for the run.

* MeterboxError
  x BadBundle    the file is no bundle, or one of another format
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from contracts.model import MeterboxError
from sandbox.clock import parse
from sandbox.faults import Fault
from sandbox.proving.case import Case, Strike
from sandbox.proving.proof import Proof

__all__ = ["BadBundle", "Bundle", "How", "load", "written"]

FORMAT = 1
How = Literal["in-process", "processes", "target-command"]
HOWS: tuple[How, ...] = ("in-process", "processes", "target-command")


class BadBundle(MeterboxError):
    """A file that cannot be replayed; the text says why."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True)
class Bundle:
    """`signature` is the verdict that the run came to, nothing in it where all was proven."""

    case: Case
    how: How
    signature: list[str]


def written(proof: Proof, how: How) -> str:
    """A bundle as text."""
    case = proof.case
    told = {
        "format": FORMAT,
        "versions": {"meterbox": version("meterbox"), "python": platform.python_version()},
        "how": how,
        "at": case.at.isoformat(),
        "seed": case.seed,
        "kills": case.kills,
        "scale": case.scale,
        "settings": case.settings,
        "faults": [{"vendor": vendor, **asdict(fault)} for vendor, fault in case.faults],
        "strikes": [asdict(strike) for strike in case.strikes],
        "events": case.events,
        "verdict": {
            "signature": proof.verdict.signature,
            "mismatches": [asdict(mismatch) for mismatch in proof.verdict.mismatches[:100]],
        },
    }
    return json.dumps(told, indent=1) + "\n"


def load(file: Path) -> Bundle:
    """A bundle from its file. Raises BadBundle."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BadBundle(file, f"cannot be read: {fault.strerror}") from fault
    except ValueError as fault:
        raise BadBundle(file, f"is not JSON: {fault}") from fault
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise BadBundle(file, f"is no repro bundle of format {FORMAT}")
    try:
        return _read(told)
    except (KeyError, TypeError, ValueError, AttributeError, MeterboxError) as fault:
        raise BadBundle(file, f"is not as a bundle is written: {fault!r}") from fault


def _read(told: Mapping[str, Any]) -> Bundle:
    if told["how"] not in HOWS:
        raise ValueError(told["how"])
    faults = []
    for given in told["faults"]:
        rest = {name: value for name, value in given.items() if name != "vendor"}
        faults.append((given["vendor"], Fault.read(rest)))
    strikes = [
        Strike(str(given["vendor"]), int(given["request"]), Fault.read(given["fault"]))
        for given in told["strikes"]
    ]
    case = Case(
        tuple(told["events"]),
        {str(vendor): dict(given) for vendor, given in told["settings"].items()},
        parse(told["at"]),
        tuple(faults),
        tuple(strikes),
        int(told["seed"]),
        int(told["kills"]),
        scale=float(told["scale"]),
    )
    return Bundle(case, told["how"], [str(one) for one in told["verdict"]["signature"]])
