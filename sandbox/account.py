"""One namespace per credential: a vendor tells tenants apart by API key, and so does meterbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

from contracts import durations
from contracts.model import BadValue, Rule, UnknownSetting
from sandbox.auth import handle
from sandbox.clock import Clock, Wall, wall
from sandbox.faults import Fault, Faults
from sandbox.idempotency import InFlight, Replay
from sandbox.journal import Exchange, Feed, Journal
from sandbox.ledger import Ledger
from sandbox.limits import Windows
from sandbox.profile import Profile
from sandbox.reply import Decision, Request
from sandbox.webhooks import Webhooks

if TYPE_CHECKING:
    from sandbox.room import Room

__all__ = ["Account", "Accounts", "Forward", "Origin", "setting"]

Forward = Callable[["Account", Sequence[Mapping[str, Any]]], None]
LONGEST = timedelta(days=3660)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Origin:
    """What an account begins with: the `seed` of its identifiers, which does not tell its key, its
    rules' switches where they are not the vendor's defaults, and how much is enforced."""

    seed: str
    settings: Mapping[str, Any]
    profile: Profile


class Account:
    """A vendor as one key sees it: state, clock, journal, ledger, faults, limits, settings, ids.

    `settings` are those configured for every account, of this vendor or another, and `profile` is
    how much of the vendor's rules is enforced until somebody says otherwise.
    """

    def __init__(
        self,
        room: Room,
        key: str,
        *,
        seed: int,
        source: Wall,
        settings: Mapping[str, Any] | None = None,
        profile: Profile = "faithful",
    ) -> None:
        self.room = room
        self.vendor = room.contract.vendor
        self.key = key
        self.handle = handle(key)
        named = sha256(f"{seed}:{self.vendor}:{key}".encode(errors="surrogatepass"))
        known = room.contract.defaults
        given = {rule: value for rule, value in (settings or {}).items() if rule in known}
        self._own = Origin(named.hexdigest(), given, profile)
        self.clock = Clock(source)
        self.journal = Journal()
        self.reset()

    def reset(self, origin: Origin | None = None) -> None:
        """Everything as on the first day, but for the clock and the count of exchanges; or as on
        the first day of an account of that `origin`. Raises UnknownSetting or BadValue."""
        self.origin = origin or self._own
        self.state = self.room.state()
        self.journal.clear()
        self.ledger = Ledger()
        self.faults = Faults()
        self.replays: dict[str, Replay] = {}
        self.in_flight = InFlight()
        self.webhooks = Webhooks()
        self.profile = self.origin.profile
        self.limits = Windows(self.room.contract.limits)
        self.settings: dict[str, Any] = {
            rule: setting(self.room.contract.rules[rule], value)
            for rule, value in self.room.contract.defaults.items()
        }
        for rule, value in self.origin.settings.items():
            self.set(rule, value)
        # Seeded, so that an account rebuilt from its journal gives the ids it gave before.
        self._chance = Random(self.origin.seed)

    def id(self, length: int = 16, prefix: str = "") -> str:
        """A new identifier, as vendors make them: letters and digits."""
        return prefix + "".join(self._chance.choices(ALPHABET, k=length))

    def set(self, rule: str, value: Any) -> None:
        """Set a rule's switch. Raises UnknownSetting or BadValue."""
        if rule not in self.settings:
            raise UnknownSetting(rule, known=list(self.settings))
        self.settings[rule] = setting(self.room.contract.rules[rule], value)
        self.ledger.recount()  # a switch may say what counts

    def elapse(self, now: datetime) -> None:
        """Carry out what time alone has brought about by `now`, and note it in the ledger."""
        if self.room.elapse is not None:
            for at, effects in self.room.elapse(self, now):
                self.ledger.record(self.journal.next - 1, at, effects)

    def collect(self, decision: Decision | None, now: datetime) -> None:
        """Post what has happened until `now`, where the vendor has webhooks."""
        self.elapse(now)
        if self.room.webhooks is not None:
            self.room.webhooks.collect(self, decision, now)

    def record(
        self,
        request: Request,
        endpoint: str | None,
        decision: Decision,
        now: datetime,
        fault: Fault | None = None,
    ) -> Exchange:
        """Note what was decided in journal and ledger."""
        number = self.journal.next
        exchange = Exchange(
            number,
            self.vendor,
            self.handle,
            now,
            endpoint,
            request,
            decision.reply,
            decision.effects,
            decision.findings,
            fault,
        )
        self.journal.append(exchange)
        for effects in decision.effects:
            self.ledger.record(number, now, effects)
        return exchange


def setting(rule: Rule, value: Any) -> Any:
    """A switch's value, checked; durations become timedeltas. Raises BadValue."""
    switch = rule.switch
    if switch is None:
        raise UnknownSetting(rule.id, known=[])
    if switch.kind == "duration":
        return value if isinstance(value, timedelta) else _duration(rule.id, value)
    if switch.kind == "choice" and value not in switch.values:
        raise BadValue(rule.id, value, f"one of {', '.join(switch.values)}")
    if switch.kind == "boolean" and not isinstance(value, bool):
        raise BadValue(rule.id, value, "true or false")
    if switch.kind == "integer" and not _whole(value, switch.least):
        raise BadValue(rule.id, value, f"a whole number of at least {switch.least}")
    return value


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _duration(rule: str, value: Any) -> timedelta:
    try:
        length = durations.parse(value)
    except (TypeError, ValueError) as fault:
        raise BadValue(rule, value, "a length of time such as 12h or 5m") from fault
    if length > LONGEST:
        raise BadValue(rule, value, f"a length of time of at most {durations.text(LONGEST)}")
    return length


class Accounts:
    """All accounts of one process, opened by the first request with a new key.

    `forward` receives what a source vendor accepts; the composition sets it.
    """

    def __init__(
        self,
        rooms: Mapping[str, Room],
        *,
        seed: int = 0,
        source: Wall = wall,
        settings: Mapping[str, Any] | None = None,
        profile: Profile = "faithful",
    ) -> None:
        self.rooms = dict(rooms)
        self.feed: Journal = Feed()
        self.forward: Forward | None = None
        self._seed = seed
        self._source = source
        self._settings = dict(settings or {})
        self._profile: Profile = profile
        self._open: dict[tuple[str, str], Account] = {}
        self._by_handle: dict[tuple[str, str], Account] = {}

    def open(self, vendor: str, key: str) -> Account:
        """The account of that key, new when the key is."""
        account = self._open.get((vendor, key))
        if account is None:
            account = Account(
                self.rooms[vendor],
                key,
                seed=self._seed,
                source=self._source,
                settings=self._settings,
                profile=self._profile,
            )
            self._open[vendor, key] = account
            self._by_handle[vendor, account.handle] = account
        return account

    def find(self, vendor: str, name: str) -> Account | None:
        """An account by its key or its handle."""
        return self._open.get((vendor, name)) or self._by_handle.get((vendor, name))

    def exchange(self, id: str) -> Exchange | None:
        """An exchange by its id. Raises Dropped when it was there and is gone."""
        vendor, _, rest = id.partition("-")
        name, _, number = rest.rpartition("-")
        account = self._by_handle.get((vendor, name))
        return account.journal.get(int(number)) if account and number.isdecimal() else None

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._open.values()))
