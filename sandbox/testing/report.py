"""What went wrong in a test, as a colleague would tell it: the request, the finding, the rule,
where the rule is written, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from contracts.model import Rule, Switch
from sandbox.reports import human
from sandbox.reports.findings import excerpt, fix
from sandbox.reports.model import Finding
from sandbox.testing.exchanges import Exchange
from sandbox.testing.exchanges import Finding as Found

if TYPE_CHECKING:
    from sandbox.testing.account import VendorAccount

__all__ = ["broken", "findings", "headline", "told", "unbroken"]

MOST = 3


def told(account: VendorAccount, troubles: Sequence[Exchange]) -> str:
    """What a test did not look at and should have: the first few in full, the others counted."""
    parts = [_trouble(account, exchange) for exchange in troubles[:MOST]]
    if len(troubles) > MOST:
        parts.append(f"And {len(troubles) - MOST} more at {account.contract.title}.")
    return "\n\n".join(parts)


def unbroken(account: VendorAccount, rule: str) -> str:
    """Why a test that waits for a rule to be broken fails."""
    lines = [f"No request at {account.contract.title} broke {rule}."]
    came = [
        f"  {exchange!r} {' '.join(exchange.blind('rules'))}".rstrip()
        for exchange in account.exchanges
    ]
    return "\n".join([*lines, "What came:", *(came or ["  nothing with this key"])])


def broken(account: VendorAccount, exchange: Exchange) -> Iterator[str]:
    """A request and its findings, a line each."""
    whole = exchange.whole
    yield f"    sent      {excerpt(whole['request']['body'])}"
    yield f"    answered  {excerpt(whole['response']['body'])}"
    for finding in findings(account, exchange):
        yield from human.lines(finding)


def findings(account: VendorAccount, exchange: Exchange) -> list[Finding]:
    """What is wrong with a request, as reports tell it."""
    return [_finding(account, Found(**given)) for given in exchange.whole["findings"]]


def headline(account: VendorAccount, exchange: Exchange) -> str:
    """Which request, and what was wrong in a word."""
    refused = exchange.blind("verdict") == "refused"
    what = "was refused" if refused else "broke a rule and was not refused"
    name = f"{account.contract.title}: {exchange.method} {exchange.path}"
    status = exchange.blind("status")
    return f"{name} was answered {status}: it {what}, and the test did not look at it."


def _trouble(account: VendorAccount, exchange: Exchange) -> str:
    lines, rules = [headline(account, exchange)], exchange.blind("rules")
    lines += broken(account, exchange)
    fates = ", ".join(f"{count} {name}" for name, count in exchange.blind("outcomes").items())
    lines += [f"    events    {fates}"] if fates else []
    lines.append(_meant(account, rules))
    return "\n".join(lines)


def _meant(account: VendorAccount, rules: Sequence[str]) -> str:
    if not rules:
        look = f"{account.vendor}.exchanges[-1].status"
        return f"    Meant to happen? Then look at it in the test, with {look} for example."
    return (
        f'    Meant to happen? Then say so: {account.vendor}.assert_violation("{rules[0]}") in the '
        f'test,\n    or @pytest.mark.meterbox(allow="{rules[0]}") on it.'
    )


def _finding(account: VendorAccount, found: Found) -> Finding:
    rule = account.rules.get(found.rule)
    return Finding(
        message=found.message,
        path=found.path,
        value=found.value,
        rule=found.rule,
        sentence=rule.sentence if rule else "",
        source=found.source,
        confidence=found.confidence,
        read=rule.read if rule else "",
        fix=_fix(account, found, rule),
    )


def _fix(account: VendorAccount, found: Found, rule: Rule | None) -> str:
    told = fix(found.path, found.message, found.suggestion)
    if rule is None or rule.switch is None:
        return told
    switch = f"{account.vendor}.settings[{rule.id!r}] = {_values(rule.switch)}"
    return f"{told} Is your account set up otherwise? {switch}"


def _values(switch: Switch) -> str:
    """What the switch may be, other than it is."""
    if switch.kind == "duration":
        return "'36h', or another length of time"
    if switch.kind == "boolean":
        return repr(not switch.default)
    others = [repr(value) for value in switch.values if value != switch.default]
    return " or ".join(others) or "another whole number"
