"""What a person, a test or the page can do to an account, by name. Each act can be done again
from a durable journal: its arguments say everything, and time comes in as `now`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from contracts import durations
from contracts.model import BadValue, UnknownSetting, did_you_mean
from sandbox.account import Account
from sandbox.clock import parse
from sandbox.faults import Fault
from sandbox.profile import profile
from sandbox.scenario import preset

__all__ = ["ACTS", "YEARS", "clock_state", "perform"]

Arguments = Mapping[str, Any]
Act = Callable[[Account, Arguments, datetime], Any]
YEARS = range(1970, 3000)
"""Where a clock may be set: no sum of a time in it and a length of time overflows."""


def perform(account: Account, name: str, arguments: Arguments, now: datetime) -> Any:
    """Do an act; answers JSON. Raises UnknownSetting or BadValue, having done nothing."""
    account.collect(None, now)
    done = ACTS[name](account, arguments, now)
    account.collect(None, now)
    if name != "reset":  # before which nothing is
        account.journal.note(now, name, arguments)
    return done


def clock_state(account: Account, arguments: Arguments) -> dict[str, Any]:
    """The clock's state after `freeze`, `set`, `advance` or `run`, without changing the clock.

    `{"freeze": true}` or `{"freeze": "2026-01-01T00:00:00Z"}`, `{"set": "..."}`,
    `{"advance": "13h"}`, `{"run": true}`; one of them. Raises UnknownSetting or BadValue.
    """
    if len(arguments) != 1:
        raise BadValue("clock", dict(arguments), "one of freeze, set, advance, run")
    (act, value), before = next(iter(arguments.items())), account.clock.state
    try:
        _turn(account, act, value)
        if account.clock.now().year not in YEARS:
            raise OverflowError
        return account.clock.state
    except OverflowError as fault:
        raise BadValue(act, value, f"within the years {YEARS[0]} to {YEARS[-1]}") from fault
    finally:
        account.clock.state = before


def _turn(account: Account, act: str, value: Any) -> None:
    if act == "freeze":
        account.clock.freeze(None if value is True else _time(value))
    elif act == "set":
        account.clock.set(_time(value))
    elif act == "advance":
        account.clock.advance(_length(value))
    elif act == "run":
        account.clock.run()
    else:
        raise UnknownSetting(act, known=["advance", "freeze", "run", "set"])


def _time(value: Any) -> datetime:
    try:
        return parse(value)
    except (AttributeError, ValueError) as fault:
        raise BadValue("time", value, "a time such as 2026-01-15T12:00:00Z") from fault


def _length(value: Any) -> Any:
    try:
        return durations.parse(value)
    except (TypeError, ValueError) as fault:
        raise BadValue("advance", value, "a length of time such as 13h or 34d") from fault


def _clock(account: Account, arguments: Arguments, _: datetime) -> Any:
    account.clock.state = dict(arguments)
    return None


def _settings(account: Account, arguments: Arguments, _: datetime) -> Any:
    """All of them or none."""
    before = dict(account.settings)
    try:
        for rule, value in arguments.items():
            account.set(rule, value)
    except (UnknownSetting, BadValue):
        account.settings = before
        raise


def _add_fault(account: Account, arguments: Arguments, now: datetime) -> Any:
    """A fault, a list of them or those of a preset: all or none."""
    faults = _faults(account, arguments)
    known = [endpoint.name for endpoint in account.room.contract.endpoints]
    for fault in faults:
        if fault.endpoint is not None and fault.endpoint not in known:
            raise BadValue("endpoint", fault.endpoint, _one_of(known, fault.endpoint))
    for fault in faults:
        account.faults.add(fault, now)


def _faults(account: Account, arguments: Arguments) -> list[Fault]:
    if "preset" in arguments:
        return _preset(account, arguments)
    if "faults" not in arguments:
        return [Fault.read({**arguments})]
    given = arguments["faults"]
    if len(arguments) > 1 or not isinstance(given, list):
        raise BadValue("faults", given, "a list of faults, and nothing beside it")
    return [Fault.read(one if isinstance(one, dict) else {"kind": one}) for one in given]


def _preset(account: Account, arguments: Arguments) -> list[Fault]:
    """`{"preset": "flaky", "seed": 7}`."""
    unknown = arguments.keys() - {"preset", "seed"}
    if unknown:
        raise UnknownSetting(min(unknown), known=["preset", "seed"])
    seed = arguments.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise BadValue("seed", seed, "a whole number")
    return preset(str(arguments["preset"]), seed).of(account.vendor)


def _one_of(known: list[str], given: str) -> str:
    near = did_you_mean(given, known)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"one of {', '.join(known) or 'none'}{hint}"


def _clear_faults(account: Account, _: Arguments, __: datetime) -> Any:
    account.faults.clear()


def _resend(account: Account, arguments: Arguments, _: datetime) -> Any:
    return account.webhooks.resend(arguments.get("delivery")).number


def _reset(account: Account, _: Arguments, __: datetime) -> Any:
    account.reset()


def _dashboard(account: Account, arguments: Arguments, now: datetime) -> Any:
    """Something a person would do at the vendor's web page."""
    name = arguments["name"]
    act = account.room.dashboard.get(name)
    if act is None:
        raise BadValue("dashboard", name, _one_of(list(account.room.dashboard), name))
    return act(account, arguments["arguments"], now)


def _profile(account: Account, arguments: Arguments, _: datetime) -> Any:
    unknown = arguments.keys() - {"profile"}
    if unknown:
        raise UnknownSetting(min(unknown), known=["profile"])
    account.profile = profile(arguments.get("profile"))


ACTS: Mapping[str, Act] = {
    "clock": _clock,
    "settings": _settings,
    "add-fault": _add_fault,
    "clear-faults": _clear_faults,
    "profile": _profile,
    "resend-webhook": _resend,
    "reset": _reset,
    "dashboard": _dashboard,
}
