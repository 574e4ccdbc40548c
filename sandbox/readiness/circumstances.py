"""What a run can meet beside bodies that are wrong: rules that turn down events which are right in
shape, and requests that come again."""

from __future__ import annotations

from contracts.cases import Case, read_cases
from contracts.model import Contract, Violation
from sandbox.account import Account, setting
from sandbox.idempotency import REPLAY
from sandbox.journal import Exchange
from sandbox.readiness.run import Run

__all__ = ["circumstances", "of_a_repeat", "refusing"]


def circumstances(contract: Contract) -> set[str]:
    """Rules by which events that are right in shape are turned down: by their time, by who their
    customer is, by how many come."""
    told = {f"{contract.vendor}.rate-limits"} & set(contract.rules)
    for layout in contract.layouts:
        named = (layout.oldest, layout.ahead, layout.unknown)
        told |= {rule for rule in named if rule}
    return told


def refusing(run: Run) -> set[str]:
    """Those of these rules that some contract case shows to refuse, at accounts that are set up as
    the run's are. Being told to slow down has a question of its own."""
    named = circumstances(run.contract) - {f"{run.contract.vendor}.rate-limits"}
    accounts = [one.account for one in run.recorded]
    return {
        rule
        for case in read_cases(run.contract)
        for rule in named
        if _refuses(case, rule) and any(_alike(case, rule, account) for account in accounts)
    }


def _refuses(case: Case, rule: str) -> bool:
    """Whether a case is about a refusal by this rule."""
    told = {found["rule"] for found in case.findings or [{"rule": rule}]}
    return rule in case.rules and rule in told and int(case.response.get("status", 0)) >= 400


def _alike(case: Case, rule: str, account: Account) -> bool:
    """Whether the rule's switch, if it has one with several ways, is the case's."""
    known = account.room.contract.rules[rule]
    if known.switch is None or known.switch.kind == "duration":
        return True
    wanted = (case.settings or {}).get(rule, known.switch.default)
    return bool(account.settings[rule] == setting(known, wanted))


def of_a_repeat(found: Violation, exchange: Exchange) -> bool:
    """Whether this says no more than that something came again, or at the same time because a
    fault has it so."""
    repeats = {effects.rule for effects in exchange.effects if effects.outcome == "duplicate"}
    together = exchange.fault is not None and exchange.fault.kind == "in-flight"
    return together or found.message == REPLAY or found.rule in repeats
