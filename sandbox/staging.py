"""What a team does at a vendor before its first event: customers, users, features.

A step is a request (`method`, `path`, `json`) or a `dashboard` function with its `json`. In a
vendor's `fixtures/<vendor>/setup.json` a step may be taken for `each` value that events have at a
path (`userId`, `properties.featureId`), which stands where `{{userId}}` does; in a list,
`{"$each": path, "item": ...}` is an item for each. A path may be of several with `|` between them,
whose values are then taken together, each once. Where there is no value there is no step, nor where
none of the paths of its `when` has one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fixtures
from contracts import credentials
from contracts.model import MeterboxError
from sandbox.account import Account
from sandbox.acts import perform
from sandbox.mail import posted
from sandbox.switchboard import Switchboard
from translators.request import VendorRequest

if TYPE_CHECKING:
    from httpx import AsyncClient

__all__ = ["StepRefused", "set_up", "setup", "steps", "take"]

Step = Mapping[str, Any]
OURS = ("each", "when")


class StepRefused(MeterboxError):
    """A vendor did not take a step; the text says which, and what it answered."""

    def __init__(self, account: Account, step: Step, answer: str) -> None:
        what = step.get("dashboard") or f"{step['method']} {step['path']}"
        super().__init__(f"{account.room.contract.title} refused {what}: {answer}")


async def take(step: Step, account: Account, client: AsyncClient) -> None:
    """Take a step at a running sandbox. Raises StepRefused."""
    if "dashboard" in step:
        _perform(step, account)
        return
    contract = account.room.contract
    response = await client.request(
        step["method"],
        f"/{contract.vendor}{step['path']}",
        json=step["json"],
        headers=credentials.headers(contract.auth, account.key),
    )
    if not response.is_success:
        raise StepRefused(account, step, f"{response.status_code} {response.text}")


async def set_up(
    accounts: Mapping[str, Account], events: Sequence[Mapping[str, Any]], board: Switchboard
) -> list[str]:
    """Take the steps that these events need at each vendor; tells what was refused."""
    unset = []
    for vendor, account in accounts.items():
        for step in setup(vendor, events):
            try:
                await _take(step, account, board)
            except StepRefused as refused:
                unset.append(str(refused))
    return unset


async def _take(step: Step, account: Account, board: Switchboard) -> None:
    """Take a step at a sandbox in this process. Raises StepRefused."""
    if "dashboard" in step:
        _perform(step, account)
        return
    asked = VendorRequest(account.vendor, "", step["method"], step["path"], step["json"])
    reply = (await posted(asked, account, board)).reply
    if not 200 <= reply.status < 300:
        raise StepRefused(account, step, f"{reply.status} {reply.body.decode(errors='replace')}")


def _perform(step: Step, account: Account) -> None:
    arguments = {"name": step["dashboard"], "arguments": step["json"]}
    try:
        perform(account, "dashboard", arguments, account.clock.now())
    except MeterboxError as fault:
        raise StepRefused(account, step, str(fault)) from fault


def setup(vendor: str, events: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    """The steps that these events need at a vendor; none where it says nothing of them."""
    for step in steps(vendor):
        if "when" in step and not any(_values(events, path) for path in step["when"]):
            continue
        path = step.get("each")
        if path is None:
            yield from _filled(step, {}, events)
            continue
        for value in _values(events, path):
            yield from _filled(step, {path: value}, events)


def steps(vendor: str) -> Iterator[Step]:
    """What a vendor says of setting up, whatever the events are."""
    for root in fixtures.__path__:
        file = Path(root) / vendor / "setup.json"
        if file.is_file():
            yield from json.loads(file.read_text(encoding="utf-8"))


def _values(events: Sequence[Mapping[str, Any]], path: str) -> list[str]:
    """The texts that events have at a path, each once, in the order they come."""
    found = (_value(event, one) for one in path.split("|") for event in events)
    return list(dict.fromkeys(text for text in found if text))


def _value(event: Mapping[str, Any], path: str) -> str | None:
    node: Any = event
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else None


def _filled(
    step: Step, bound: Mapping[str, str], events: Sequence[Mapping[str, Any]]
) -> Iterator[Step]:
    """The step with values in their places; nothing where one of its lists comes out empty."""
    try:
        yield {key: _fill(value, bound, events) for key, value in step.items() if key not in OURS}
    except LookupError:
        return


def _fill(node: Any, bound: Mapping[str, str], events: Sequence[Mapping[str, Any]]) -> Any:
    if isinstance(node, str):
        for path, value in bound.items():
            node = node.replace("{{" + path + "}}", value)
        return node
    if isinstance(node, list):
        items = [item for part in node for item in _items(part, bound, events)]
        if node and not items:
            raise LookupError
        return items
    if isinstance(node, dict):
        return {key: _fill(value, bound, events) for key, value in node.items()}
    return node


def _items(part: Any, bound: Mapping[str, str], events: Sequence[Mapping[str, Any]]) -> list[Any]:
    path = part.get("$each") if isinstance(part, dict) else None
    if path is None:
        return [_fill(part, bound, events)]
    return [_fill(part["item"], {**bound, path: value}, events) for value in _values(events, path)]
