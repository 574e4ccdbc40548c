"""What a form of the page does to an account: as the control API does it, or not at all.

What goes well leads back to where it was asked for; what does not is told there, in the control
API's own words, with what was given still in the form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from contracts.model import BadValue, MeterboxError
from sandbox import view
from sandbox.account import Account
from sandbox.acts import clock_state
from sandbox.answers import writable
from sandbox.control import Control
from sandbox.keepsakes import Keepsakes
from sandbox.page.page import ROOT, form
from sandbox.snapshot import take

__all__ = ["Doing", "Told", "turned"]

WHOLE = ("times", "skip", "every", "seed", "status", "retry_after")
REAL = ("probability", "seconds")
TEXTS = ("kind", "endpoint", "since", "until", "ttl")
WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Told:
    """What is told beside a form: `wrong` by the name of the form, what was `given`, what was
    `done`, and a `trial` of the clock."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    done: Mapping[str, str] = field(default_factory=dict)
    trial: Mapping[str, Any] | None = None


Shown = Callable[[Request, str, Told, int], Response]
Act = Callable[[Request, Account, Mapping[str, str]], Awaitable[Told | None]]


class Doing:
    """Each form, and the tab that it is on."""

    def __init__(self, control: Control, shown: Shown) -> None:
        self._control, self._shown = control, shown
        self._kept = Keepsakes(control)

    def acts(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        """By the end of its address."""
        return {
            "clock": self._form("", "clock", self._clock),
            "dashboard": self._form("", "dashboard", self._dashboard),
            "settings": self._form("settings", "settings", self._settings),
            "profile": self._form("settings", "profile", self._profile),
            "fault": self._form("faults", "fault", self._fault),
            "preset": self._form("faults", "preset", self._preset),
            "clear-faults": self._form("faults", "faults", self._clear),
            "reset": self._form("keep", "reset", self._reset),
            "restore": self.restore,
        }

    async def snapshot(self, request: Request) -> Response:
        """The account as a file."""
        of = self._control.opened(request)
        board = self._control.switchboard
        taken = view.dumps(take(of, board.added if board is not None else ()))
        name = f"meterbox-{of.vendor}-{of.handle}.json"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(taken, 200, headers, "application/json")

    async def restore(self, request: Request) -> Response:
        """A snapshot that was uploaded takes the account's place."""
        of = self._control.opened(request)
        try:
            async with request.form(max_files=1, max_fields=2) as given:
                file = given.get("snapshot")
                raw = await file.read() if isinstance(file, UploadFile) else b""
            done = asdict(await self._kept.bring_back(of, _document(raw)))
        except MeterboxError as fault:
            return self._shown(request, "keep", Told({"restore": str(fault)}), 400)
        words = f"{done['exchanges']:,} exchanges and {done['acts']:,} acts were done again"
        other = f"; {done['different']:,} answers are not those given before"
        words += f"{other if done['different'] else ''}."
        return self._shown(request, "keep", Told(done={"restore": words}), 200)

    def _form(self, tab: str, name: str, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def done(request: Request) -> Response:
            of, given = self._control.opened(request), await form(request)
            try:
                told = await act(request, of, given)
            except MeterboxError as fault:
                return self._shown(request, tab, Told({name: str(fault)}, given), 400)
            if told is not None:
                return self._shown(request, tab, told, 200)
            at = f"{ROOT}/accounts/{of.vendor}/{of.handle}"
            return RedirectResponse(f"{at}{'/' if tab else ''}{tab}#{name}", 303)

        return done

    async def _clock(self, request: Request, of: Account, given: Mapping[str, str]) -> None:
        await self._control.act(request, "clock", clock_state(of, turned(given)))

    async def _settings(self, request: Request, of: Account, given: Mapping[str, str]) -> None:
        rule = given.get("rule", "")
        known = view.settings(of)
        if given.get("do") == "reset-all":
            changes = {name: told["default"] for name, told in known.items()}
        elif given.get("do") == "reset" and rule in known:
            changes = {rule: known[rule]["default"]}
        else:
            changes = {rule: _value(given.get("value", ""), known.get(rule, {}).get("kind", ""))}
        await self._control.act(request, "settings", changes)

    async def _profile(self, request: Request, _: Account, given: Mapping[str, str]) -> None:
        await self._control.act(request, "profile", {"profile": given.get("profile")})

    async def _fault(self, request: Request, _: Account, given: Mapping[str, str]) -> None:
        await self._control.act(request, "add-fault", _fault(given))

    async def _preset(self, request: Request, _: Account, given: Mapping[str, str]) -> None:
        seed = _value(given.get("seed") or "0", "integer")
        asked = {"preset": given.get("preset", ""), "seed": seed}
        await self._control.act(request, "add-fault", asked)

    async def _clear(self, request: Request, _: Account, __: Mapping[str, str]) -> None:
        await self._control.act(request, "clear-faults", {})

    async def _reset(self, request: Request, of: Account, given: Mapping[str, str]) -> Told:
        if given.get("sure") != "yes":
            raise BadValue("sure", given.get("sure"), "yes; nothing was reset")
        await self._control.act(request, "reset", {})
        if self._control.forget is not None:
            self._control.forget(of)
        return Told(done={"reset": "The account is as on its first day; its clock was left alone."})

    async def _dashboard(self, request: Request, _: Account, given: Mapping[str, str]) -> Told:
        try:
            arguments = orjson.loads(given.get("arguments") or "{}")
        except orjson.JSONDecodeError as fault:
            raise BadValue("arguments", given.get("arguments"), f"JSON: {fault}") from fault
        if not isinstance(arguments, dict) or not writable(arguments):
            raise BadValue("arguments", "", "a JSON object, and not too deep")
        asked = {"name": given.get("name", ""), "arguments": arguments}
        done = await self._control.act(request, "dashboard", asked)
        return Told(given=given, done={"dashboard": _pretty(done)})


def turned(given: Mapping[str, str]) -> dict[str, Any]:
    """How a form asks to turn the clock, as the control API takes it."""
    act, value = given.get("do", ""), given.get("value", "").strip()
    return {act: True if act in ("freeze", "run") and not value else value}


def _fault(given: Mapping[str, str]) -> dict[str, Any]:
    """A fault as the control API takes it; what is left empty is as usual."""
    asked: dict[str, Any] = {name: given[name] for name in TEXTS if given.get(name)}
    asked |= {name: _value(given[name], "integer") for name in WHOLE if given.get(name)}
    asked |= {name: _value(given[name], "real") for name in REAL if given.get(name)}
    if given.get("always"):
        asked["times"] = None
    return asked


def _value(text: str, kind: str) -> Any:
    """A value of that kind; the text itself where it is none, of which the act then tells."""
    if kind == "boolean":
        return WORDS.get(text, text)
    try:
        return {"integer": int, "real": float}[kind](text) if kind in ("integer", "real") else text
    except ValueError:
        return text


def _document(raw: bytes) -> dict[str, Any]:
    if not raw:
        raise BadValue("snapshot", "", "a file; choose one that was downloaded here")
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise BadValue("snapshot", raw[:40], f"JSON: {fault}") from fault
    if not isinstance(found, dict) or not writable(found):
        raise BadValue("snapshot", raw[:40], "a JSON object, and not too deep")
    return found


def _pretty(value: Any) -> str:
    return orjson.dumps(orjson.loads(view.dumps(value)), option=orjson.OPT_INDENT_2).decode()
