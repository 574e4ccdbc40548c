"""A vendor's contract, read once and never changed.

The errors of this package; all of them are our user's to mend:

* MeterboxError
  x UnknownVendor      there is no contract of that name
  x ContractFault      a contract file departs from what the reader expects
  x UnknownSetting     a rule switch, or a configuration key, that does not exist
  x BadValue           a switch or key exists, but not with that value
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from contracts import durations
from contracts.layout import Layout, Naming, Need
from contracts.schema import Schema

Confidence = Literal["documented", "observed", "sdk", "assumed"]
Json = Any


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """The known word nearest to `word`, or None when none is near."""
    close = get_close_matches(word, known, n=1, cutoff=0.7)
    return close[0] if close else None


class MeterboxError(Exception):
    """Something our user can mend; the text says what, where and what next."""


class UnknownVendor(MeterboxError):
    def __init__(self, vendor: str, *, known: Sequence[str]) -> None:
        near = did_you_mean(vendor, known)
        hint = f" Did you mean {near!r}?" if near else ""
        super().__init__(f"No contract for {vendor!r}.{hint} Known vendors: {', '.join(known)}.")
        self.vendor = vendor


class ContractFault(MeterboxError):
    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file


class UnknownSetting(MeterboxError):
    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        near = did_you_mean(name, known)
        hint = f" Did you mean {near!r}?" if near else f" Known: {', '.join(sorted(known))}."
        super().__init__(f"No setting named {name!r}.{hint}")


class BadValue(MeterboxError):
    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name}: {value!r} is not {expected}.")


@dataclass(frozen=True, slots=True)
class Violation:
    """One departure from a contract: where, what, and by which rule.

    `path` is a JSON path into the body (`$.events[3].event_nmae`), `rule` a rule id.
    `also` holds the vendor-style texts of departures folded into this one: a misspelt key is
    one mistake, though a validator reports it as an unknown key and as a missing one.
    """

    path: str
    message: str
    value: Json
    rule: str
    suggestion: str | None = None
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{self.path}: {self.message}{hint} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Switch:
    """How a rule can be set otherwise: `kind` is choice, integer, duration or boolean.

    `least` is the smallest integer allowed.
    """

    kind: Literal["choice", "integer", "duration", "boolean"]
    default: Json
    values: tuple[str, ...] = ()
    least: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of vendor behaviour and how we know it. `read` is the date of reading.

    `tests` names the tests, as `file::function`, of what no contract case can show.
    """

    id: str
    sentence: str
    source: str
    read: str
    confidence: Confidence
    switch: Switch | None = None
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Auth:
    """Where a vendor looks for the credential.

    `schemes` are tried in order: `bearer`, `raw` (the bare Authorization header), `basic` (user
    name), `header:<name>`, `body:<key>` (`body:a.0.b` reaches inside). `template` turns a name into
    a key of the vendor's shape, and `pattern` is that shape.
    """

    schemes: tuple[str, ...]
    template: str = "{name}"
    pattern: str = ".+"


@dataclass(frozen=True, slots=True)
class Live:
    """How a key looks that real money hangs on: `pattern` is of the whole key.

    `assumed` is a guess by its length: such a vendor tells no live key from a test key.
    """

    pattern: str
    sentence: str
    source: str
    read: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Limit:
    """A vendor's rate limit: so many requests (or events) in so many seconds.

    `mode` is the kind of account the vendor has the number for; the vendor's `<vendor>.rate-limits`
    rule has the switch that chooses one.
    """

    endpoints: tuple[str, ...]
    counts: Literal["requests", "events"]
    most: int
    seconds: int
    mode: str = "live"


@dataclass(frozen=True, slots=True)
class Memory:
    """By which `rule` a vendor knows again what it was sent before.

    The switch of the rule `lasts` tells how long it is sure to; None where the vendor does not say.
    """

    rule: str
    lasts: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What an endpoint makes at the vendor, and the endpoints `by` which, one after the other, that
    is taken away again: their paths' parameters are taken from the answer that made it, or from
    `each` of a list in it. Without any endpoints there is no way."""

    what: str
    by: tuple[str, ...] = ()
    each: str | None = None
    takes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One operation of a vendor. `paths` are all the spellings the vendor answers to.

    `event` is the schema of one event where `request` is that of a batch; `public` operations need
    no credential, and those with an `auth` of their own one of another kind; `responses` and
    `answers` tell the schema and the media type by status. `wanted` is the schema of bodies that
    are used in full, where `request` is all a vendor refuses by. `sdl` is the GraphQL schema, in
    its definition language, of an endpoint that executes documents.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    rule: str
    request: Schema | None = None
    event: Schema | None = None
    wanted: Schema | None = None
    public: bool = False
    media: tuple[str, ...] = ("application/json",)
    query: Mapping[str, Json] = field(default_factory=dict)
    responses: Mapping[int, Schema | None] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)
    auth: Auth | None = None
    sdl: str | None = None


@dataclass(frozen=True)
class Contract:
    """Everything known of one vendor. Of its `hosts`, the first is the one usage is sent to;
    `mounts` are hosts whose paths begin with another path here.

    `overlooked` are rules that its schemas here state and the vendor's own schema does not: a check
    of the contract alone passes over them. `counts` tells by which rules an event becomes a
    quantity, under the rule of the mapping that its name or amount came by. `deduplicates` is None
    where no rule speaks of the same event sent twice. `environment` has the variables by which the
    vendor's clients find it, or teams that give it to them, of its `{url}` here and a `{key}`;
    `base` is the path that a base URL given to them ends in. `live` tells live keys, where that is
    known or guessed. `layouts`, `namings` and `needs` tell where in bodies stands what billing goes
    by. `removals` tell by endpoint how what it makes is taken away again.
    """

    vendor: str
    title: str
    role: Literal["billing", "source"]
    hosts: tuple[str, ...]
    auth: Auth
    endpoints: tuple[Endpoint, ...]
    rules: Mapping[str, Rule]
    limits: tuple[Limit, ...]
    checked: str
    example: Mapping[str, Json]
    notes: tuple[str, ...]
    folder: Path
    overlooked: frozenset[str] = frozenset()
    counts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    deduplicates: Memory | None = None
    base: str = ""
    live: Live | None = None
    layouts: tuple[Layout, ...] = ()
    namings: tuple[Naming, ...] = ()
    needs: tuple[Need, ...] = ()
    removals: Mapping[str, Removal] = field(default_factory=dict)

    def endpoint(self, name: str) -> Endpoint:
        return self._by_name[name]

    def key(self, name: str) -> str:
        """A credential of this vendor's shape, for somebody called `name`."""
        return self.auth.template.format(name=name)

    def name(self, key: str) -> str:
        """Whose key this is, if it was made by `key`; else the key itself."""
        before, _, after = self.auth.template.partition("{name}")
        made = key.startswith(before) and key.endswith(after) and len(key) > len(before + after)
        return key[len(before) : len(key) - len(after)] if made else key

    @property
    def remembers(self) -> timedelta | None:
        """How long the vendor is sure to know an event again; None where it does not say."""
        memory = self.deduplicates
        if memory is None or memory.lasts is None:
            return None
        return durations.parse(self.defaults[memory.lasts])

    @cached_property
    def _by_name(self) -> dict[str, Endpoint]:
        return {endpoint.name: endpoint for endpoint in self.endpoints}

    @cached_property
    def defaults(self) -> dict[str, Json]:
        """Rule id -> the switch's default, for every rule that has a switch."""
        return {r.id: r.switch.default for r in self.rules.values() if r.switch is not None}
