"""Users who use, subscribe, merge and are renamed as time goes by: what they may use and what is
billed never disagree."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox import acts
from sandbox.app import Options, create_app
from sandbox.kana import merges
from sandbox.kana.entitlements import allowance
from sandbox.kana.periods import Reset, period
from sandbox.kana.records import Records
from sandbox.reply import Request
from tests.acme import NOW

KEY = "prv_test_merged"
KANA = create_app(Options(vendors=["kana"], source=lambda: NOW))
PACKAGES: dict[str, tuple[int, Reset]] = {"base": (10, "DAY"), "more": (15, "MONTH")}
ASK = """query ($u: String!) {
  canUseFeature(userId: $u, featureId: "calls") { access consumption { used budget } }
}"""


class Usage(RuleBasedStateMachine):
    """`used` is every amount that counts, with its time and user; `since` when who subscribed
    to what, in that order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.account = KANA.accounts.open("kana", KEY)
        self.account.reset()
        self.used: list[tuple[datetime, str, int]] = []
        self.since: list[tuple[datetime, str, str]] = []
        self.ids: list[str] = []
        self.sent = 0
        self.act("features", add={"id": "calls"})
        for id, (limit, reset) in PACKAGES.items():
            part = {"id": "calls", "limit": limit, "resetPeriod": reset}
            self.act("packages", add={"id": id, "isAddon": id == "more", "features": [part]})
            self.act("packages", publish=id)
        for _ in range(3):
            self.add(self.arrive())

    def act(self, name: str, **arguments: Any) -> Any:
        given = {"name": name, "arguments": arguments}
        return acts.perform(self.account, "dashboard", given, self.now)

    def ask(self, path: str, body: Any) -> Any:
        desk, place = KANA.switchboard.find("kana", "POST", path)
        headers = {b"authorization": KEY.encode()}
        request = Request("POST", path, b"", headers, orjson.dumps(body), place.params)
        return orjson.loads(desk.repeat(request, place.methods, None, self.now).reply.body)

    def name(self) -> str:
        self.sent += 1
        return f"n-{self.sent}"

    def arrive(self) -> str:
        self.ids.append(self.name())
        self.ask(
            "/segment/events",
            {"type": "identify", "userId": self.ids[-1], "messageId": self.name()},
        )
        return self.ids[-1]

    def left(self, user: str) -> tuple[int, int] | None:
        """The highest limit, the first of it, and what is used of it now."""
        mine = [(PACKAGES[package], at) for at, who, package in self.since if who == user]
        if not mine:
            return None
        (limit, reset), since = max(mine, key=lambda found: found[0][0])
        start, end = period(since, reset, self.now)
        return limit, sum(n for at, who, n in self.used if who == user and start <= at < end)

    def become(self, old: str, new: str) -> None:
        self.used = [(at, new if who == old else who, n) for at, who, n in self.used]
        self.since = [(at, new if who == old else who, what) for at, who, what in self.since]

    @rule(data=st.data(), amount=st.sampled_from([1, 4, 7, -3]))
    def track(self, data: Any, amount: int) -> None:
        user = data.draw(st.sampled_from(self.ids))
        event = {"type": "track", "userId": user, "messageId": self.name(), "event": "Call"}
        self.ask(
            "/segment/events", {**event, "properties": {"featureId": "calls", "delta": amount}}
        )
        allowed = self.left(user)
        if allowed is not None and (amount < 0 or sum(allowed[1:]) + amount <= allowed[0]):
            self.used.append((self.now, user, amount))

    @rule(data=st.data())
    def subscribe(self, data: Any) -> None:
        self.add(data.draw(st.sampled_from(self.ids)))

    def add(self, user: str) -> None:
        package = "more" if any(who == user for _, who, _ in self.since) else "base"
        self.act("subscriptions", add={"userId": user, "packageIds": [package]})
        self.since.append((self.now, user, package))

    @precondition(lambda self: len(self.ids) > 1)
    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.ids), min_size=2, max_size=2, unique=True))
        left = min(chosen, key=self.ids.index)
        assert self.act("merge", users=chosen)["id"] == left
        gone = max(chosen, key=self.ids.index)
        self.become(gone, left)
        self.ids.remove(gone)
        self.arrive()

    @rule(data=st.data())
    def rename(self, data: Any) -> None:
        old, new = data.draw(st.sampled_from(self.ids)), self.name()
        document = (
            "mutation ($u: String!, $n: String!) { updateUser(id: $u, input: {id: $n}) { id } }"
        )
        self.ask("/graphql", {"query": document, "variables": {"u": old, "n": new}})
        self.become(old, new)
        self.ids[self.ids.index(old)] = new

    @rule(hours=st.sampled_from([1, 12, 12, 24 * 20]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def may_use_what_is_left(self) -> None:
        state, feature = self.account.state, self.account.state.features["calls"]
        for user in self.ids:
            found = allowance(user, feature, state, self.now)
            assert (found and (found.part.limit, found.used)) == self.left(user)

    def teardown(self) -> None:
        """Kana's own answer, which is slower to ask for."""
        for user in self.ids:
            told = self.ask("/graphql", {"query": ASK, "variables": {"u": user}})
            left = self.left(user)
            consumption = left and {"budget": left[0], "used": left[1]}
            access = left is not None and left[1] + 1 <= left[0]
            assert told["data"]["canUseFeature"] == {"access": access, "consumption": consumption}

    @invariant()
    def is_billed_for_what_was_used(self) -> None:
        told = {t.customer: t.quantity for t in self.account.ledger.totals()}
        users = {who for _, who, _ in self.used}
        assert told == {user: sum(n for _, who, n in self.used if who == user) for user in users}


def run() -> None:
    run_state_machine_as_test(
        Usage,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_may_be_used_and_what_is_billed_never_disagree() -> None:
    """Rules kana.ledger.moves and kana.subscription.moves."""
    run()


MOVE, ADD = merges._move, Records.add


def forgets_subscriptions(old: str, new: str, state: Any, rule: str) -> Any:
    state.subscriptions.pop(old, None)
    return MOVE(old, new, state, rule)


def begins_subscriptions_anew(old: str, new: str, state: Any, rule: str) -> Any:
    for found in state.subscriptions.get(old, ()):
        found.since += timedelta(hours=12)
    return MOVE(old, new, state, rule)


def counts_moved_usage_at_the_beginning(old: str, new: str, state: Any, rule: str) -> Any:
    state.records.add = lambda usage, _: ADD(state.records, usage, NOW)
    try:
        return MOVE(old, new, state, rule)
    finally:
        del state.records.add


def tells_the_ledger_nothing(old: str, new: str, state: Any, rule: str) -> Any:
    MOVE(old, new, state, rule)
    return ()


@pytest.mark.parametrize(
    "bug",
    [
        forgets_subscriptions,
        begins_subscriptions_anew,
        counts_moved_usage_at_the_beginning,
        tells_the_ledger_nothing,
    ],
)
def test_a_bug_planted_in_merging_is_found(monkeypatch: pytest.MonkeyPatch, bug: Any) -> None:
    monkeypatch.setattr(merges, "_move", bug)
    with pytest.raises(AssertionError):
        run()
