"""What was seen passing by: told as it happens, written down without secrets, and summed up."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import parse_qsl

from contracts.model import Contract, MeterboxError
from sandbox.auth import credentials
from sandbox.clock import iso
from sandbox.paths import Paths
from sandbox.reply import Request
from sandbox.reports.model import Check, Finding, Report
from sandbox.veil import Veil, named_secret, names_key, secret_header
from sandbox.verifying.transcript import veil_over
from sandbox.watching.inspection import Inspected, Inspector
from sandbox.watching.relay import Headers, Kept, Passed

__all__ = ["Record", "Sight", "Watchbook"]

KEPT = 1_000
"""Exchanges with findings that a report holds; the others are counted."""


@dataclass(frozen=True, slots=True)
class Sight:
    """An exchange as it may be shown: no key is in it."""

    passed: Passed
    path: str
    inspected: Inspected
    veil: Veil

    @property
    def bad(self) -> bool:
        return bool(self.inspected.findings)


class Record:
    """A file with a line of JSON for each exchange. Raises MeterboxError."""

    def __init__(self, file: Path) -> None:
        try:
            self._stream: IO[str] = file.open("w", encoding="utf-8")
        except OSError as fault:
            raise MeterboxError(f"{file}: cannot be written: {fault.strerror or fault}.") from fault

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, sight: Sight) -> None:
        passed, veil = sight.passed, sight.veil
        line = {
            "at": iso(passed.at),
            "endpoint": sight.inspected.endpoint,
            "asked": {
                "method": passed.method,
                "path": sight.path,
                "query": veil.query(passed.query.decode("latin-1")),
                "headers": veil.headers(dict(passed.headers)),
                "body": _body(passed.request, passed.headers, veil),
            },
            "answered": {
                "status": passed.status,
                "headers": veil.headers(dict(passed.answered)),
                "body": _body(passed.answer, passed.answered, veil),
            },
            "failed": veil.text(passed.failed),
            "milliseconds": passed.milliseconds,
            "findings": [
                {"path": found.path, "message": found.message, "rule": found.rule}
                for found in sight.inspected.findings
            ],
            "unchecked": list(sight.inspected.unchecked),
        }
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()


@dataclass
class Watchbook:
    """Sees each exchange once it is over; `show` is told of it."""

    contract: Contract
    inspector: Inspector
    show: Callable[[Sight], None]
    record: Record | None = None
    passed: int = 0
    failed: int = 0
    unchecked: int = 0
    bad: deque[Check] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __post_init__(self) -> None:
        self._paths = Paths(self.contract.endpoints)

    def see(self, passed: Passed) -> None:
        """An exchange that is over."""
        veil = self._veil(passed)
        sight = Sight(passed, veil.path(passed.path), _veiled(self._inspected(passed), veil), veil)
        if sight.bad:
            self.failed += 1
            name = f"{passed.method} {sight.path}, {iso(passed.at)}"
            detail = f"answered {passed.status} in {passed.milliseconds:.0f} ms"
            title = self.contract.title
            self.bad.append(Check(name, title, "failed", sight.inspected.findings, detail))
        elif sight.inspected.unchecked:
            self.unchecked += 1
        else:
            self.passed += 1
        if self.record is not None:
            self.record.write(sight)
        self.show(sight)

    def report(self, where: str) -> Report:
        """All of it, summed up."""
        total = self.passed + self.failed + self.unchecked
        counts = {"passed": self.passed, "failed": self.failed, "skipped": self.unchecked}
        subject = f"{total} exchanges of {self.contract.title} at {where}."
        return Report(f"meterbox watch {self.contract.vendor}", subject, [*self.bad], counts)

    def _inspected(self, passed: Passed) -> Inspected:
        try:
            return self.inspector.inspect(passed)
        except Exception as fault:  # what passes must pass, whatever we make of it
            why = f"meterbox failed to look at it: {type(fault).__name__}"
            return Inspected(None, (), (why,))

    def _veil(self, passed: Passed) -> Veil:
        """Over every key that is shown in the request."""
        contract = self.contract
        request = Request(
            passed.method, passed.path, passed.query, dict(passed.headers), passed.request.body
        )
        auths = [contract.auth, *(e.auth for e in contract.endpoints if e.auth is not None)]
        keys = {key for auth in auths for key in credentials(request, auth)}
        place = self._paths.find(passed.method, passed.path)
        in_path = (value for name, value in place.params.items() if names_key(name))
        return veil_over(contract, *keys, *in_path, *_elsewhere(passed))


def _elsewhere(passed: Passed) -> Iterator[str]:
    """Keys that are shown where this vendor looks for none: an answer may repeat them."""
    for name, value in passed.headers:
        if secret_header(name.decode("latin-1")):
            yield value.decode("latin-1").rpartition(" ")[2]
    for field_name, text in parse_qsl(passed.query.decode("latin-1")):
        if named_secret(field_name):
            yield text


def _veiled(inspected: Inspected, veil: Veil) -> Inspected:
    findings = tuple(_hidden(found, veil) for found in inspected.findings)
    return replace(inspected, findings=findings, unchecked=tuple(_texts(inspected, veil)))


def _texts(inspected: Inspected, veil: Veil) -> Iterator[str]:
    return (veil.text(why) for why in inspected.unchecked)


def _hidden(found: Finding, veil: Veil) -> Finding:
    name = found.path.rpartition(".")[2]
    value: Any = veil.node(veil.field(name, found.value))
    return replace(found, message=veil.text(found.message), path=veil.text(found.path), value=value)


def _body(kept: Kept, headers: Headers, veil: Veil) -> str:
    if not kept.whole:
        return f"…({kept.size} bytes)"
    packed = any(name == b"content-encoding" and value != b"identity" for name, value in headers)
    try:
        kept.body.decode()
    except UnicodeDecodeError:
        packed = True
    return f"…({kept.size} bytes that are no text)" if packed else veil.body(kept.body)
