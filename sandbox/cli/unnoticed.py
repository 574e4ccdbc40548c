"""What a command did not notice: requests that were refused or broke a rule while it ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from contracts.model import BadValue, did_you_mean
from contracts.reader import read, vendors
from sandbox.account import Account
from sandbox.idempotency import REPLAY
from sandbox.journal import Exchange
from sandbox.proxy.egress import Refusal
from sandbox.reports.findings import excerpt, fix
from sandbox.reports.model import Check, Finding, Report
from sandbox.testing.house import of_a_test
from sandbox.view import exchange as shown

__all__ = ["Watch", "checked", "report"]

KEPT = 20
"""Requests, and lines of the proxy's, that are told in full; others are counted."""


def checked(rules: Iterable[str]) -> frozenset[str]:
    """Rules that may be broken. Raises BadValue for one that no vendor has."""
    known = [rule for vendor in vendors() for rule in read(vendor).rules]
    for rule in rules:
        if rule not in known:
            near = did_you_mean(rule, known)
            hint = f"; did you mean {near!r}?" if near else "; `meterbox rules` lists them"
            raise BadValue("--allow", rule, f"a rule{hint}")
    return frozenset(rules)


class Watch:
    """Looks at each exchange as it happens; `allowed` rules may be broken.

    Those of the accounts that pytest's plugin makes are judged by their tests.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self.counts: Counter[str] = Counter()
        self.vendors: set[str] = set()
        self.troubles: list[tuple[Account, Exchange]] = []

    def note(self, account: Account, exchange: Exchange) -> None:
        contract = account.room.contract
        self.vendors.add(contract.title)
        if of_a_test(contract.name(account.key)):
            self.counts["skipped"] += 1
        elif self._bad(exchange):
            self.counts["failed"] += 1
            if len(self.troubles) < KEPT:
                self.troubles.append((account, exchange))
        else:
            self.counts["passed"] += 1

    def _bad(self, exchange: Exchange) -> bool:
        """A repeated request that gets the first reply again is as it should be."""
        rules = {found.rule for found in exchange.findings if found.message != REPLAY}
        if exchange.verdict != "refused" and not rules:
            return False
        return not rules or not rules <= self._allowed


def report(title: str, watch: Watch, refusals: Iterable[Refusal] = ()) -> Report:
    """What was seen, and what left nothing of this machine though it wanted to."""
    lines = Counter(refusals)
    stopped = list(_stopped(lines))
    live = sum(refusal.vendor is not None for refusal in lines)
    counts = {**watch.counts, "failed": watch.counts["failed"] + live}
    checks = [*(_check(account, exchange) for account, exchange in watch.troubles), *stopped]
    return Report(title, _subject(watch), checks, counts)


def _subject(watch: Watch) -> str:
    if not watch.vendors:
        return "No request came to any vendor: does the client go where the environment says?"
    told = f"Requests to {', '.join(sorted(watch.vendors))}."
    spared = watch.counts["skipped"]
    return f"{told} {spared:,} of accounts that tests judge themselves." if spared else told


def _check(account: Account, exchange: Exchange) -> Check:
    whole = shown(exchange, account)
    what = "was refused" if exchange.verdict == "refused" else "broke a rule and was not refused"
    fates = ", ".join(f"{count} {name}" for name, count in whole["outcomes"].items())
    lines = [
        f"sent      {excerpt(whole['request']['body'])}",
        f"answered  {excerpt(whole['response']['body'])}",
        *([f"events    {fates}"] if fates else []),
        *_meant(whole["rules"]),
    ]
    return Check(
        name=f"{whole['method']} {whole['path']} was answered {whole['status']}: it {what}",
        group=account.room.contract.title,
        verdict="failed",
        findings=[_finding(account, found) for found in whole["findings"]],
        detail="\n".join(lines),
    )


def _meant(rules: Iterable[str]) -> Iterator[str]:
    options = " ".join(f"--allow {rule}" for rule in rules)
    if options:
        yield f"meant     if it is meant to happen, say {options}"


def _finding(account: Account, found: dict[str, Any]) -> Finding:
    rule = account.room.contract.rules[found["rule"]]
    told = fix(found["path"], found["message"], found["suggestion"])
    if rule.switch is not None:
        told += f" Is your account set up otherwise? Set {rule.id} in meterbox.toml."
    return Finding(
        message=found["message"],
        path=found["path"],
        value=found["value"],
        rule=rule.id,
        sentence=rule.sentence,
        source=rule.source,
        confidence=rule.confidence,
        read=rule.read,
        fix=told,
    )


def _stopped(lines: Counter[Refusal]) -> Iterator[Check]:
    """Each line of the proxy's once, as many as are told. A live key is an error, and comes first;
    another host a remark, as many a tool asks after its updates."""
    told = sorted(lines.items(), key=lambda line: (line[0].vendor is None, -line[1]))
    for refusal, count in told[:KEPT]:
        live = refusal.vendor is not None
        times = f"{count} times: " if count > 1 else ""
        line = times + refusal.line.removeprefix("meterbox: ")
        found = Finding(line, level="error" if live else "warning")
        yield Check(
            "a live key" if live else "another host",
            "proxy",
            "failed" if live else "passed",
            [found],
        )
