"""Transcripts: what cases asked and what was answered, a case a line, without secrets.

The first line says what was asked. A file to which the last line was not written whole, as when
somebody interrupts, is read up to there.

* MeterboxError
  x NoTranscript    the file cannot be read, or is none, or of another vendor
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlencode

from contracts.model import Contract, MeterboxError
from sandbox.clock import iso, parse, wall
from sandbox.veil import Veil
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.target import Act, Target

__all__ = [
    "NO_TEXT",
    "Entry",
    "NoTranscript",
    "Recording",
    "Transcript",
    "Writer",
    "hidden",
    "noted",
    "veil_over",
]

VERSION = 1
KIND = "meterbox transcript"
NO_TEXT = " bytes that are no text)"
HEAD = {"version", "vendor", "target", "sandbox", "live", "at"}
Entry = Mapping[str, Any]


class NoTranscript(MeterboxError):
    def __init__(self, file: Path, why: object) -> None:
        super().__init__(f"{file}: {why}. Record one with: meterbox verify --transcript FILE")


def veil_over(contract: Contract, *keys: str) -> Veil:
    """Hides these keys, in each form that a credential of this vendor takes."""
    secrets = {key for key in keys if key}
    for key in list(secrets):
        own = [endpoint.auth for endpoint in contract.endpoints if endpoint.auth is not None]
        secrets |= {auth.template.format(name=contract.name(key)) for auth in own}
    for key in list(secrets):
        pairs = (key.encode(), f"{key}:".encode())
        secrets |= {base64.b64encode(pair).decode() for pair in pairs}
    return Veil(secrets)


def hidden(value: Any) -> bool:
    """Whether a value of a transcript has something left out, so that it can be held to nothing."""
    return isinstance(value, str) and "…(" in value


class Writer:
    """Writes a transcript; each line is in the file when its case is over."""

    def __init__(
        self, file: Path, contract: Contract, where: str, *, sandbox: bool, live: bool
    ) -> None:
        try:
            # Half a character is written as JSON escapes it.
            self._stream: IO[str] = file.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as fault:
            why = f"cannot be written: {fault.strerror or fault}"
            raise MeterboxError(f"{file}: {why}.") from fault
        head = {"kind": KIND, "version": VERSION, "vendor": contract.vendor}
        more = {"checked": contract.checked, "target": where, "sandbox": sandbox, "live": live}
        self.write({**head, **more, "at": iso(wall())})

    def write(self, line: Mapping[str, Any]) -> None:
        # A Decimal becomes a number: it is compared with one.
        self._stream.write(json.dumps(line, ensure_ascii=False, default=float) + "\n")
        self._stream.flush()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stream.close()


@dataclass
class Recording:
    """A target of which everything that is asked and done is noted."""

    target: Target
    veil: Veil
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key, self.run, self.sandbox = self.target.key, self.target.run, self.target.sandbox
        self.at = wall()
        self._now = self.at

    def now(self) -> datetime:
        self._now = self.target.now()
        return self._now

    def machine(self) -> datetime | None:
        return self.target.machine()

    def ask(self, request: Asked, expected: int | None) -> Answer:
        began = monotonic()
        answer = self.target.ask(request, expected)
        told = {"asked": noted(request, self.veil), "answered": self._answered(answer)}
        self._note({**told, "milliseconds": round((monotonic() - began) * 1000, 1)})
        return answer

    def act(self, name: Act, given: Any) -> Any:
        told = self.target.act(name, given)
        self._note({"act": name, "given": self.veil.node(given), "told": self.veil.node(told)})
        return told

    def _note(self, entry: Entry) -> None:
        self.entries.append({"now": self._now.isoformat(), **entry})

    def _answered(self, answer: Answer) -> Entry:
        headers, body = _headers(answer.headers, self.veil), _body(answer.body, self.veil)
        return {"status": answer.status, "headers": headers, "body": body}


def noted(request: Asked, veil: Veil) -> Entry:
    """A request as a transcript has it."""
    query = urlencode(request.query, doseq=True) if request.query else ""
    return {
        "method": request.method,
        "path": veil.path(request.path),
        "query": veil.query(query),
        "headers": _headers(request.headers, veil),
        "body": _body(request.body or b"", veil),
    }


def _headers(headers: Mapping[str, str], veil: Veil) -> dict[str, str]:
    return veil.headers({k.encode(): v.encode() for k, v in headers.items()})


def _body(body: bytes, veil: Veil) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return f"…({len(body)}{NO_TEXT}"  # in which a key might be packed
    return veil.body(body)


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read: its first line, and a line for each case."""

    head: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, file: Path, contract: Contract) -> Transcript:
        """Raises NoTranscript."""
        try:
            lines = _lines(file.read_bytes())
        except OSError as fault:
            raise NoTranscript(file, fault.strerror or fault) from fault
        if not lines or lines[0].get("kind") != KIND:
            raise NoTranscript(file, "is no transcript of ours")
        head = lines[0]
        if head.get("version") != VERSION:
            raise NoTranscript(file, f"is of version {head.get('version')}, and we read {VERSION}")
        if head["vendor"] != contract.vendor:
            raise NoTranscript(file, f"is of {head['vendor']}, not of {contract.vendor}")
        for number, line in enumerate(lines, 1):
            if not (_is_case(line) if number > 1 else head.keys() >= HEAD):
                raise NoTranscript(file, f"line {number} is damaged")
        return cls(head, {line["case"]: line for line in lines[1:]})

    @property
    def at(self) -> datetime:
        return parse(self.head["at"])


def _lines(text: bytes) -> list[dict[str, Any]]:
    """The lines; one that is no object of JSON is an empty one, but the last is left out then."""
    *lines, last = map(_line, text.split(b"\n"))
    return [*lines, last] if last else lines


def _line(text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _is_case(line: Entry) -> bool:
    left_out = line.get("verdict") == "not comparable"
    return line.keys() >= ({"case", "why"} if left_out else {"case", "verdict", "run", "at"})
