"""Transcripts: what cases asked and what was answered, a case a line, without secrets.

The first line says what was asked. A file to which the last line was not written whole, as when
somebody interrupts, is read up to there.

* MeterboxError
  x NoTranscript    the file cannot be read, or is none, or of another vendor
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
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

__all__ = ["Entry", "NoTranscript", "Recording", "Transcript", "Writer", "hidden", "veil_over"]

VERSION = 1
KIND = "meterbox transcript"
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
            self._stream: IO[str] = file.open("w", encoding="utf-8")
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
        told = {"asked": self._asked(request), "answered": self._answered(answer)}
        self._note({**told, "milliseconds": round((monotonic() - began) * 1000, 1)})
        return answer

    def act(self, name: Act, given: Any) -> Any:
        told = self.target.act(name, given)
        self._note({"act": name, "given": self.veil.node(given), "told": self.veil.node(told)})
        return told

    def _note(self, entry: Entry) -> None:
        self.entries.append({"now": self._now.isoformat(), **entry})

    def _asked(self, request: Asked) -> Entry:
        query = urlencode(request.query, doseq=True) if request.query else ""
        return {
            "method": request.method,
            "path": self.veil.path(request.path),
            "query": self.veil.query(query),
            "headers": self._headers(request.headers),
            "body": self._body(request.body or b""),
        }

    def _answered(self, answer: Answer) -> Entry:
        headers = self._headers(answer.headers)
        return {"status": answer.status, "headers": headers, "body": self._body(answer.body)}

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self.veil.headers({k.encode(): v.encode() for k, v in headers.items()})

    def _body(self, body: bytes) -> str:
        try:
            body.decode()
        except UnicodeDecodeError:
            return f"…({len(body)} bytes that are no text)"  # in which a key might be packed
        return self.veil.body(body)


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read: its first line, and a line for each case."""

    head: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, file: Path, contract: Contract) -> Transcript:
        """Raises NoTranscript."""
        try:
            lines = list(_lines(file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as fault:
            raise NoTranscript(file, getattr(fault, "strerror", None) or fault) from fault
        if not lines or lines[0].get("kind") != KIND:
            raise NoTranscript(file, "is no transcript of ours")
        head = lines[0]
        if head.get("version") != VERSION:
            raise NoTranscript(file, f"is of version {head.get('version')}, and we read {VERSION}")
        if head["vendor"] != contract.vendor:
            raise NoTranscript(file, f"is of {head['vendor']}, not of {contract.vendor}")
        return cls(head, {line["case"]: line for line in lines[1:] if "case" in line})

    @property
    def at(self) -> datetime:
        return parse(self.head["at"])


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """The lines that were written whole."""
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        yield told
