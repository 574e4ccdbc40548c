"""What the forwarder beside a sandbox could not deliver: told, tried again or let go of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from contracts.model import BadValue, MeterboxError, UnknownSetting
from sandbox.answers import answer, json_object
from sandbox.letters import check, told, whole
from sandbox.queries import whole as number
from sandbox.veil import Veil

if TYPE_CHECKING:
    from sandbox.control import Control
    from sandbox.deliveries import Forwarding
    from translators.forwarding.letters import Which
    from translators.forwarding.outbox import Delivery

__all__ = ["Undelivered"]

MOST = 1_000
CHOSEN = ("vendor", "origin", "numbers")


class Nothing(MeterboxError):
    """There is no forwarder here, or nothing was chosen."""


class Undelivered:
    """Dead letters of every source key; an `origin` is written as `vendor/handle`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def every(self, request: Request) -> Response:
        query = dict(request.query_params)
        _known(query, ("vendor", "origin", "skip", "limit"))
        most = min(number(query, "limit", MOST), MOST)
        found, more = self.some(query, number(query, "skip"), most)
        return answer({"letters": [_named(self.line(letter)) for letter in found], "more": more})

    async def show(self, request: Request) -> Response:
        vendor, wanted = request.path_params["vendor"], request.path_params["number"]
        letters = self.one(vendor, wanted)
        return answer({"letters": [_named(self.whole(letter)) for letter in letters]})

    async def retry(self, request: Request) -> Response:
        return answer({"retried": await self.again(await json_object(request))})

    async def drop(self, request: Request) -> Response:
        return answer({"dropped": self.gone(await json_object(request))})

    def some(self, chosen: Mapping[str, Any], skip: int, most: int) -> tuple[list[Delivery], bool]:
        """Dead letters that are chosen, those of a vendor and a source together, oldest first."""
        if self._control.forwarding is None:
            return [], False
        letters = self._control.forwarding.letters().dead(_which(chosen))
        found = list(islice(letters, skip, skip + most + 1))
        return found[:most], len(found) > most

    def one(self, vendor: str, wanted: str) -> list[Delivery]:
        """The letters of that number for a vendor: one, or as many as there are sources."""
        known = wanted.isascii() and wanted.isdecimal() and len(wanted) < 16
        chosen = {"vendor": vendor, "numbers": [int(wanted)] if known else []}
        found, _ = self.some(chosen, 0, MOST) if known else ([], False)
        if not found:
            raise HTTPException(404, f"No dead letter {wanted} for {vendor}.")
        return found

    def line(self, letter: Delivery) -> dict[str, Any]:
        """A letter in a line, without the key of whose it is."""
        return self._veiled(letter, told(letter))

    def whole(self, letter: Delivery) -> dict[str, Any]:
        """A letter with its event and its tries, likewise."""
        return self._veiled(letter, whole(letter))

    def _veiled(self, letter: Delivery, told: dict[str, Any]) -> dict[str, Any]:
        from sandbox.deliveries import SEPARATOR

        vendor, _, handle = letter.origin.partition(SEPARATOR)
        source = self._control.accounts.find(vendor, handle)
        veiled: dict[str, Any] = Veil([source.key] if source is not None else ()).node(told)
        return veiled

    async def again(self, given: Mapping[str, Any]) -> int:
        """Have those that are chosen tried again; how many. Raises NoLetter or Unguarded, with none
        tried: what may have reached the vendor long ago wants `force`."""
        _known(given, (*CHOSEN, "all", "force"))
        force = _flag(given, "force")
        letters, which = self._forwarding.letters(), self._chosen(given)
        check(letters.dead(which), which.numbers or (), self._forwarding.now, guard=not force)
        count = letters.retry(which)
        await self._forwarding.look()
        return count

    def gone(self, given: Mapping[str, Any]) -> int:
        """Let go of those that are chosen; how many. Raises NoLetter, with none gone."""
        _known(given, (*CHOSEN, "all"))
        letters, which = self._forwarding.letters(), self._chosen(given)
        check(letters.dead(which), which.numbers or (), self._forwarding.now, guard=False)
        return letters.drop(which)

    @property
    def _forwarding(self) -> Forwarding:
        if self._control.forwarding is None:
            raise Nothing("Nothing is forwarded here: no destination is configured.")
        return self._control.forwarding

    def _chosen(self, given: Mapping[str, Any]) -> Which:
        if not any(given.get(name) for name in CHOSEN) and not _flag(given, "all"):
            raise Nothing("Say which: numbers, vendor, origin, or all.")
        return _which(given)


def _named(letter: dict[str, Any]) -> dict[str, Any]:
    """With its origin as an address of control has it."""
    from sandbox.deliveries import SEPARATOR

    return {**letter, "origin": letter["origin"].replace(SEPARATOR, "/", 1)}


def _which(given: Mapping[str, Any]) -> Which:
    from sandbox.deliveries import SEPARATOR
    from translators.forwarding.letters import Which

    vendor, origin = (_text(given, name) for name in ("vendor", "origin"))
    numbers = given.get("numbers") or None
    if numbers is not None:
        good = isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)
        if not good or len(numbers) > MOST or max(numbers) >= 2**63:
            raise BadValue("numbers", numbers, f"a list of at most {MOST} numbers of dead letters")
    return Which(vendor, origin and origin.replace("/", SEPARATOR, 1), numbers and tuple(numbers))


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise BadValue(name, value, "a text")
    return value or None


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadValue(name, value, "true or false")
    return value


def _known(given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in given:
        if name not in names:
            raise UnknownSetting(name, known=names)
