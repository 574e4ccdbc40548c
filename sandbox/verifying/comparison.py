"""Two recordings of one case, compared answer by answer.

A case is compared up to the first answer with another status: what follows is a consequence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.cases import Case
from contracts.model import Contract, Rule
from sandbox.clock import parse
from sandbox.verifying.changes import ABSENT, Change, changes
from sandbox.verifying.evidence import touched
from sandbox.verifying.playing import Player
from sandbox.verifying.sameness import Moment, Renaming, outline
from sandbox.verifying.transcript import Entry

__all__ = ["Comparison", "Seen"]

ALWAYS = frozenset({"content-type", "location", "retry-after", "www-authenticate", "allow"})
QUOTA = re.compile(r"rate-?limit|^retry-after$")
"""Headers that say how much may still be asked: that they are there is all that stays."""
REASONS = ("detail", "title", "message", "errorMessage", "error")


@dataclass(frozen=True, slots=True)
class Seen:
    """What changed in one answer. `rules` are the case's own, where it is about this answer, and
    that of the endpoint; `reason` is what a refusal says, and `former` what one said before."""

    case: str
    endpoint: str
    rules: tuple[Rule | None, ...]
    reason: str
    former: str
    changes: tuple[Change, ...]


class Comparison:
    """Compares the entries of one case after the other."""

    def __init__(self, contract: Contract, cases: Mapping[str, Case]) -> None:
        self._contract, self._cases = contract, cases
        self._player = Player(contract)
        named = {n.lower() for c in cases.values() for n in c.response.get("headers", {})}
        self._headers = ALWAYS | named

    def of(self, old: Entry, new: Entry) -> Iterator[Seen]:
        """What changed in the answers of a case."""
        name, case = old["case"], self._cases.get(old["case"])
        pairs = list(zip(old["entries"], new["entries"], strict=False))
        last = max((n for n, (was, _) in enumerate(pairs) if "asked" in was), default=-1)
        whole = len(old["entries"]) == len(new["entries"])
        names: dict[str, str] = {}
        back: dict[str, str] = {}
        for number, (was, now) in enumerate(pairs):
            if "asked" not in was or "asked" not in now:
                continue
            if was["asked"]["method"] != now["asked"]["method"]:
                return  # another case by this name
            own = number == last and whole
            renaming = Renaming(_moment(was, old), _moment(now, new), names, back)
            yield from self._answer(name, case, was, now, renaming, own=own)
            if was["answered"]["status"] != now["answered"]["status"]:
                return

    def _answer(
        self, name: str, case: Case | None, old: Entry, new: Entry, renaming: Renaming, *, own: bool
    ) -> Iterator[Seen]:
        asked = old["asked"]
        endpoint = self._player.endpoint(asked["method"], asked["path"])
        path = endpoint.paths[0] if endpoint else asked["path"].partition("?")[0]
        title = f"{asked['method']} {path}"
        rules = [self._contract.rules.get(endpoint.rule) if endpoint else None]
        if own and case is not None:
            rules.insert(0, touched(self._contract, case))
        wanted = case.response.get("json", ABSENT) if own and case is not None else ABSENT
        found = tuple(self._changes(old["answered"], new["answered"], wanted, renaming))
        if found:
            reasons = _reason(new["answered"]), _reason(old["answered"])
            yield Seen(name, title, tuple(rules), *reasons, found)

    def _changes(self, old: Entry, new: Entry, wanted: Any, renaming: Renaming) -> Iterator[Change]:
        if old["status"] != new["status"]:
            yield Change("status", "status", old["status"], new["status"])
            return
        yield from self._in_headers(old["headers"], new["headers"], renaming)
        was, now = _body(old["body"]), _body(new["body"])
        yield from changes(was, now, wanted, "$", renaming)

    def _in_headers(
        self, old: Mapping[str, str], new: Mapping[str, str], renaming: Renaming
    ) -> Iterator[Change]:
        for name in sorted(self._headers):
            was, now = old.get(name), new.get(name)
            if was is None and now is not None:
                yield Change("new", f"header {name}", None, now)
            elif was is not None and now is None:
                yield Change("missing", f"header {name}", was)
            elif was is not None and not (QUOTA.search(name) or renaming.same(was, now, name)):
                yield Change("text", f"header {name}", was, now)


def _moment(entry: Entry, line: Entry) -> Moment:
    return Moment(parse(entry["now"]), parse(line["at"]), line["run"])


def _body(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reason(answered: Entry) -> str:
    """What a refusal says, without what differs from run to run."""
    told = _body(answered["body"]) if answered["status"] >= 400 else None
    if isinstance(told, Mapping):
        told = next((told[name] for name in REASONS if isinstance(told.get(name), str)), None)
    return outline(told) if isinstance(told, str) else ""
