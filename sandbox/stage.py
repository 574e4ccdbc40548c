"""What a team does at a vendor before its first event: customers, meters, features; and faults.

A stage is a JSON list of steps, each for one vendor: a request (`method`, `path`, `json`), a
`dashboard` function with its arguments in `json`, a `fault`, or `settings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from contracts import credentials
from contracts.model import BadValue, MeterboxError
from contracts.reader import read
from sandbox.account import Account
from sandbox.acts import perform

__all__ = ["StageFault", "Step", "check", "set_up"]

Step = Mapping[str, Any]
KINDS: Mapping[str, frozenset[str]] = {
    "method": frozenset({"vendor", "method", "path", "json"}),
    "dashboard": frozenset({"vendor", "dashboard", "json"}),
    "fault": frozenset({"vendor", "fault"}),
    "settings": frozenset({"vendor", "settings"}),
}


FORMS: Mapping[str, tuple[type, str]] = {
    "method": (str, "a text"),
    "path": (str, "a text that begins with /"),
    "dashboard": (str, "a text"),
    "fault": (dict, "an object"),
    "settings": (dict, "an object"),
}


class StageFault(MeterboxError):
    """A step that cannot be carried out; `number` counts from 1."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"step {number}: {why}")


def check(given: Any) -> Sequence[Step]:
    """The steps of a stage. Raises StageFault, or UnknownVendor."""
    if not isinstance(given, list):
        raise StageFault(1, "a stage is a JSON list of steps")
    for number, step in enumerate(given, 1):
        why = _amiss(step)
        if why is not None:
            raise StageFault(number, why)
    return given


def _amiss(step: Any) -> str | None:
    """What is wrong with the form of a step."""
    if not isinstance(step, Mapping) or not isinstance(step.get("vendor"), str):
        return "a step is an object with a vendor"
    read(step["vendor"])
    kind = next((name for name in KINDS if name in step), None)
    if kind is None:
        return f"it has none of {', '.join(KINDS)}"
    lacking, unknown = KINDS[kind] - step.keys() - {"json"}, step.keys() - KINDS[kind]
    if lacking or unknown:
        return f"it lacks {min(lacking)}" if lacking else f"it has {min(unknown)} beside {kind}"
    formed = [name for name, (form, _) in FORMS.items() if isinstance(step.get(name), form)]
    if "path" in formed and not step["path"].startswith("/"):
        formed.remove("path")
    odd = next((name for name in FORMS if name in step and name not in formed), None)
    return None if odd is None else f"{odd} is {FORMS[odd][1]}"


async def set_up(account: Account, steps: Sequence[Step], client: httpx.AsyncClient) -> None:
    """Carry out the steps of this account's vendor; `client` reaches the sandbox by path.

    Raises StageFault at the first step that the vendor, or meterbox, refuses.
    """
    for number, step in enumerate(steps, 1):
        if step["vendor"] != account.vendor:
            continue
        try:
            await _take(account, step, client)
        except MeterboxError as fault:
            raise StageFault(number, str(fault)) from fault


async def _take(account: Account, step: Step, client: httpx.AsyncClient) -> None:
    now = account.clock.now()
    if "dashboard" in step:
        given = step.get("json", {})
        if not isinstance(given, Mapping):
            raise BadValue("json", given, "an object of arguments")
        perform(account, "dashboard", {"name": step["dashboard"], "arguments": given}, now)
    elif "fault" in step:
        perform(account, "add-fault", step["fault"], now)
    elif "settings" in step:
        perform(account, "settings", step["settings"], now)
    else:
        await _ask(account, step, client)


async def _ask(account: Account, step: Step, client: httpx.AsyncClient) -> None:
    response = await client.request(
        step["method"],
        f"/{account.vendor}{step['path']}",
        json=step.get("json"),
        headers=credentials.headers(account.room.contract.auth, account.key),
    )
    if response.status_code >= 400:
        line = f"{step['method']} {step['path']} is answered {response.status_code}"
        raise MeterboxError(f"{line}: {response.text[:500]}")
