"""Kana against the model: whatever is subscribed, used and waited for, they agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from sandbox.app import Options, create_app
from sandbox.clock import iso
from sandbox.reply import Request
from tests.sandbox.kana.model import BINARY, MICROSECOND, PACKAGES, Model, Part, Subscription
from tests.walking import walked

EXAMPLES, STEPS = 43, 50
KEY = "prv_test_model"
KANA = create_app(Options(vendors=["kana"]))
FEATURES = ("messages", "calls", BINARY)
STARTS = st.sampled_from(
    ["2024-02-29T00:00", "2023-01-31T23:59:59", "2023-12-31T12:00", "2024-01-30T06:30"]
)
USERS = st.sampled_from(["ann", "bob"])
WANTED = st.lists(
    st.sampled_from(["free", "pro", "max", "more", "more", "extra", "draft"]), max_size=3
)
FIRST = st.sampled_from([["pro"], ["pro", "more"], ["max", "extra"], ["free", "more"], []])
USED = st.sampled_from(["messages", "messages", "calls", BINARY])
DELTAS = st.sampled_from([1, 1, 2, 3, 5, 8, 9, 0, -1, -4])
STATUSES = st.sampled_from(["ACTIVE", "ACTIVE", "TRIALING", "CANCELLED", "PAST_DUE", "UNPAID"])
WAITS = st.sampled_from([1 / 24, 23 / 24, 1, 1, 2, 27, 28, 29, 30, 31, 57, 58, 365, 366])
RECORD = "mutation($i: CreateUsageEventInput!) { recordUsage(input: $i) { recorded reason } }"
SUBSCRIBE = "mutation($p: [String!]!, $u: String!) { subscribe(packageIds: $p, userId: $u) { id } }"
RENAME = "mutation($u: String!, $n: String!) { updateUser(id: $u, input: {id: $n}) { id } }"


def created() -> str:
    """The mutation that makes every feature, package and user."""
    kinds = {id: "BINARY" if id == BINARY else "CONSUMABLE" for id in FEATURES}
    made = [f'createFeature(input: {{id: "{id}", type: {kind}}})' for id, kind in kinds.items()]
    for id, (addon, parts) in {**PACKAGES, "draft": (False, {})}.items():
        told = ", ".join(entitlement(*part) for part in parts.items())
        what = f'id: "{id}", isAddon: {str(addon).lower()}, features: [{told}]'
        made.append(f"createPackage(input: {{{what}}})")
    made += [f'createUser(input: {{id: "{user}"}})' for user in ("ann", "bob")]
    return f"mutation {{ {' '.join(f'm{n}: {one} {{ id }}' for n, one in enumerate(made))} }}"


def entitlement(id: str, part: Part) -> str:
    if part.reset is None:
        return f'{{id: "{id}"}}'
    limit = "" if part.limit is None else f"limit: {part.limit}, "
    told = f"{limit}resetPeriod: {part.reset}, overageEnabled: {str(part.overage).lower()}"
    return f'{{id: "{id}", entitlement: {{{told}}}}}'


def asked() -> str:
    """The query of what both users can do with every feature; each answer is `<user>_<feature>`."""
    what = "{ access consumption { used budget } }"
    fields = " ".join(
        f'{user}_{id}: canUseFeature(userId: ${user}, featureId: "{id}", delta: $d) {what}'
        for user in ("ann", "bob")
        for id in FEATURES
    )
    return f"query($ann: String!, $bob: String!, $d: Int) {{ {fields} }}"


CREATED, CAN = created(), asked()
CAN_I = """query($u: String!, $f: String!, $d: Int) {
  canUseFeature(userId: $u, featureId: $f, delta: $d) { access }
}"""
PERIOD = "fragment p on ConsumptionInPeriod { periodStart periodEnd consumption { used } }"
SHOW = asked().replace("canUseFeature", "showUsage").replace(", delta: $d", "")
SHOW = SHOW.replace(", $d: Int", "").replace(
    "access consumption { used budget }", "current { ...p } past { ...p }"
)


def shown(start: datetime, end: datetime, used: int) -> dict[str, Any]:
    return {"periodStart": iso(start), "periodEnd": iso(end), "consumption": {"used": used}}


class Both(RuleBasedStateMachine):
    """Does everything to Kana and to the model. `ann` and `bob` are who they were at first."""

    make: Callable[[], Model] = Model
    steps: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self.account = KANA.accounts.open("kana", KEY)
        self.account.reset()
        self.model = type(self).make()
        self.now = datetime(2024, 1, 1, tzinfo=UTC)
        self.ids = {"ann": "ann", "bob": "bob"}
        self.sent = 0
        self.unchanged = False

    @initialize(start=STARTS, ann=FIRST, bob=FIRST)
    def set_up(self, start: str, ann: list[str], bob: list[str]) -> None:
        self.now = datetime.fromisoformat(start).replace(tzinfo=UTC)
        assert "errors" not in self.ask(CREATED, {})
        for id in PACKAGES:
            self.shown("packages", {"publish": id})
        self.model.users |= set(self.ids)
        self.subscribe("ann", ann)
        self.subscribe("bob", bob)

    def ask(self, document: str, variables: dict[str, Any]) -> Any:
        return self.post("/graphql", {"query": document, "variables": variables})

    def post(self, path: str, body: Any) -> Any:
        desk, place = KANA.switchboard.find("kana", "POST", path)
        headers = {b"authorization": KEY.encode()}
        request = Request("POST", path, b"", headers, orjson.dumps(body))
        exchange = desk.repeat(request, place.methods, None, self.now)
        assert exchange.reply.status == 200
        return orjson.loads(exchange.reply.body)

    def shown(self, page: str, arguments: Any) -> Any:
        return self.account.room.dashboard[page](self.account, arguments, self.now)

    @rule(user=USERS, wanted=WANTED)
    def subscribe_more(self, user: str, wanted: list[str]) -> None:
        self.subscribe(user, wanted)

    def subscribe(self, user: str, wanted: list[str]) -> None:
        asked = (
            "mutation($p: [String!]!, $u: String!) { subscribe(packageIds: $p, userId: $u) { id } }"
        )
        answer = self.ask(asked, {"p": wanted, "u": self.ids[user]})
        error = self.model.subscribe(self.ids[user], wanted, self.now)
        assert [found["message"] for found in answer.get("errors", [])] == (
            [error] if error else []
        )

    @rule(which=st.integers(0, 9), status=STATUSES)
    def bill(self, which: int, status: str) -> None:
        """The billing provider tells of a subscription."""
        subscriptions = self.model.subscriptions
        if subscriptions:
            which %= len(subscriptions)
            self.shown("subscriptions", {"status": {"id": str(which + 1), "status": status}})
            subscriptions[which].status = status

    @rule(user=USERS, feature=USED, delta=DELTAS, sets=st.sampled_from([False, False, True]))
    def record(self, user: str, feature: str, delta: int, sets: bool) -> None:
        """What canUseFeature says of an amount, recordUsage does."""
        mine = {"u": self.ids[user], "f": feature, "d": delta}
        can = self.ask(CAN_I, mine)["data"]["canUseFeature"]["access"]
        given = {"userId": self.ids[user], "featureId": feature, "delta": delta}
        answer = self.ask(RECORD, {"i": {**given, "action": "SET" if sets else "ADD"}})
        done = answer["data"]["recordUsage"]
        assert done["recorded"] is (done["reason"] is None)
        assert done["recorded"] == self.model.record(
            self.ids[user], feature, delta, self.now, sets=sets
        )
        assert sets or feature == BINARY or done["recorded"] == can

    @rule(user=USERS, feature=USED, delta=DELTAS)
    def track(self, user: str, feature: str, delta: int) -> None:
        """Usage that comes by Segment counts alike."""
        self.sent += 1
        event = {"type": "track", "userId": self.ids[user], "messageId": f"m{self.sent}"}
        self.post(
            "/segment/events", {**event, "properties": {"featureId": feature, "delta": delta}}
        )
        self.model.record(self.ids[user], feature, delta, self.now, sets=False)

    @rule(user=USERS)
    def rename(self, user: str) -> None:
        old, new = self.ids[user], f"{user}{len(self.model.usages)}"
        if old != new:
            assert "errors" not in self.ask(RENAME, {"u": old, "n": new})
            self.model.rename(old, new)
            self.ids[user] = new

    @rule()
    def show(self) -> None:
        """showUsage tells the period that is, and those that were; it changes nothing that the
        next step would not come upon."""
        self.unchanged = True
        for place, told in self.ask(f"{SHOW} {PERIOD}", self.ids)["data"].items():
            user, _, feature = place.partition("_")
            id, now = self.ids[user], self.now
            assert told["past"] == [shown(*past) for past in self.model.past(id, feature, now)]
            best = self.model.best(id, feature)
            if best is None or best[1].reset is None:
                assert told["current"] is None
                continue
            span = self.model.period(best[0].since, best[1].reset, now)
            assert told["current"] == shown(*span, self.model.used(id, feature, now))

    @rule(days=WAITS)
    def wait(self, days: float) -> None:
        self.now += timedelta(days=days)

    @rule(user=USERS, feature=USED, before=st.booleans())
    def wait_for_the_reset(self, user: str, feature: str, before: bool) -> None:
        """To the moment of it, or to the last one before."""
        best = self.model.best(self.ids[user], feature)
        if best is not None and best[1].reset is not None:
            _, end = self.model.period(best[0].since, best[1].reset, self.now)
            self.now = max(self.now, end - MICROSECOND if before else end)

    def can(self, delta: int) -> dict[str, Any]:
        told: dict[str, Any] = self.ask(CAN, {**self.ids, "d": delta})["data"]
        return told

    @invariant()
    def agrees(self) -> None:
        """Kana, the model and the ledger say the same of every user and feature."""
        self.steps.append(1)
        unchanged, self.unchanged = self.unchanged, False
        if unchanged or not self.model.users:
            return
        for place, told in self.can(2).items():
            user, _, feature = place.partition("_")
            id = self.ids[user]
            assert told["access"] == self.model.access(id, feature, 2, self.now), place
            best = self.model.best(id, feature)
            if best is None or feature == BINARY:
                assert told["consumption"] is None
                continue
            used = self.model.used(id, feature, self.now)
            assert told["consumption"] == {"used": used, "budget": best[1].limit}
        billed = {(t.customer, t.meter): int(t.quantity) for t in self.account.ledger.totals()}
        assert billed == self.model.billed()


def run(model: Callable[[], Model], phases: tuple[Phase, ...]) -> int:
    """How many steps were taken without Kana and model parting."""
    return walked(Both, model, phases, examples=EXAMPLES, steps=STEPS)


def test_kana_and_model_never_part() -> None:
    assert run(Model, (Phase.generate,)) >= 2_000


class AddsLimits(Model):
    """Limits of several packages add up."""

    def best(self, user: str, feature: str) -> tuple[Subscription, Part] | None:
        found = super().best(user, feature)
        if found is None or found[1].limit is None or feature == BINARY:
            return found
        parts = [PACKAGES[s.package][1].get(feature) for s in self.live(user)]
        whole = sum(part.limit or 0 for part in parts if part is not None)
        return found[0], Part(whole, found[1].reset, found[1].overage)


class TakesTheLowest(Model):
    """The lowest limit counts."""

    def higher(self, one: Part, other: Part) -> bool:
        return super().higher(other, one)


class EntitlesWhoOwes(Model):
    """A subscription that is past due still entitles."""

    def entitles(self, subscription: Subscription) -> bool:
        return super().entitles(subscription) or subscription.status == "PAST_DUE"


class DriftsFromThe31st(Model):
    """After a short month the resets stay on its last day."""

    def after(self, since: datetime, reset: str, n: int) -> datetime:
        before = since if n == 1 else self.after(since, reset, n - 1)
        return super().after(before, reset, 1)


class ResetsByTheCalendar(Model):
    """The month begins on the first."""

    def period(self, since: datetime, reset: str, now: datetime) -> tuple[datetime, datetime]:
        start, end = super().period(since, reset, now)
        return (now.replace(day=1), end) if reset == "MONTH" and now.day > 1 else (start, end)


class ResetsLate(Model):
    """The moment of the reset still belongs to the period before."""

    def period(self, since: datetime, reset: str, now: datetime) -> tuple[datetime, datetime]:
        return super().period(since, reset, max(since, now - MICROSECOND))


class LosesUsageByRename(Model):
    """A user with a new id has used nothing."""

    def rename(self, old: str, new: str) -> None:
        self.usages = [usage for usage in self.usages if usage.user != old]
        super().rename(old, new)


class ForgetsPastPeriods(Model):
    """Only what the last reset ended is told."""

    def past(self, user: str, feature: str, now: datetime) -> list[tuple[datetime, datetime, int]]:
        return super().past(user, feature, now)[-1:]


@pytest.mark.parametrize(
    "wrong",
    [
        ForgetsPastPeriods,
        AddsLimits,
        TakesTheLowest,
        EntitlesWhoOwes,
        DriftsFromThe31st,
        ResetsByTheCalendar,
        ResetsLate,
        LosesUsageByRename,
    ],
)
def test_a_wrong_model_is_found_out(wrong: Callable[[], Model]) -> None:
    with pytest.raises(AssertionError):
        run(wrong, (Phase.generate,))
