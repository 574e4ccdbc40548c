"""What Kana's command line asks for: the configuration, what would change in it, and to change
it (rules kana.cli.*)."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.conformance import violations
from contracts.model import Violation
from sandbox.account import Account
from sandbox.kana import configuration, rules
from sandbox.kana.changes import Change, changes
from sandbox.kana.errors import message
from sandbox.kana.state import State, Terms
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["publish", "pull", "validate"]


def pull(call: Call) -> Decision:
    """GET /cli/pull: features and packages."""
    return Decision(Reply.json(_written(call.account)))


def validate(call: Call) -> Decision:
    """POST /cli/validate: a line for each change, and for what is wrong; nothing is changed.

    What is no configuration is told so too: the command line reads the lines, not the status.
    """
    schema = call.account.room.contract.endpoint("cli-publish").request
    found = violations(call.body, schema, rule="kana.cli.structure") if schema is not None else []
    if found:
        lines = [f"[ERROR] {one.path}: {one.message}" for one in found]
        return Decision(Reply.json({"data": lines}), findings=tuple(found))
    every = changes(configuration.read(call.body), call.account.state, call.now)
    return Decision(Reply.json({"data": [str(one) for one in every]}), findings=_told(every))


def publish(call: Call) -> Decision:
    """POST /cli/publish: the account as the document says, or as far as Kana goes."""
    state: State = call.account.state
    every = changes(configuration.read(call.body), state, call.now)
    wrong = any(change.level == "ERROR" for change in every)
    if wrong and call.setting("kana.cli.errors") == "refused":
        raise Refusal(message(400), _told(every))
    for change in every:
        if change.apply is not None:
            change.apply()
    effects = rules.retry(state, Terms.of(call.account.settings), call.now)
    return Decision(Reply.json(_written(call.account)), effects, _told(every))


def _written(account: Account) -> object:
    environment = account.key.removeprefix("prv_").partition("_")[0]
    return configuration.written(account.state, f"{environment}_{account.handle}")


def _told(every: Sequence[Change]) -> tuple[Violation, ...]:
    return tuple(
        Violation("$", change.text, None, change.rule) for change in every if change.level != "NONE"
    )
