"""Users come, change and merge in any order: nobody is lost, and nobody's usage either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox import acts
from sandbox.app import Options, create_app
from sandbox.kana import imports, merges, users
from sandbox.reply import Request
from tests.acme import NOW
from tests.sandbox.kana.people import DEFAULTS, ROWS, People, Who

EXAMPLES, STEPS = 4, 20  # from each of 24 beginnings
KEY = "prv_test_people"
KANA = create_app(Options(vendors=["kana"], source=lambda: NOW))
EMAIL = st.sampled_from(["x@t", "y@t", "X@t"])
MAYBE = st.sampled_from(["x@t", "x@t", "y@t", "z@t", "X@t", None])
IDS = st.sampled_from(["1", "2", "3", "4", "x@t", "y@t"])
BILLING = st.sampled_from(["cus_x", "cus_y", "cus_z"])
SELDOM = st.none() | st.none() | BILLING
Scene = tuple[Who, int, bool]
WHO: list[Who] = ["absent", "bare", "same", "other"]
SCENES = list(product(WHO, (0, 1, 2), (False, True)))
SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "kana.identify.has-email": st.just("merge"),
        "kana.identify.no-email-shared": st.just("merge"),
        "kana.identify.two-customers": st.just("merge"),
        "kana.identify.email-case": st.just("ignore"),
        "kana.stripe.several": st.just("oldest"),
        "kana.merge.user-id": st.just("oldest"),
    },
)


REACHED: Counter[Any] = Counter()


class Noting(People):
    """Notes where it has been: what a test says is worth no more than that."""

    def outcome(self, person: Any, email: Any, billing: Any, found: Any, shared: bool) -> Any:
        REACHED[self.who(person, email), len(found), shared] += 1
        return super().outcome(person, email, billing, found, shared)


class Life(RuleBasedStateMachine):
    """Does everything to the room and to the plain reading of the documentation."""

    scene: Scene = ("absent", 0, False)

    def __init__(self) -> None:
        super().__init__()
        self.account = KANA.accounts.open("kana", KEY)
        self.account.reset()
        self.people = Noting()
        self.sent = 0
        self.counted = self.gone = 0
        self.act("features", {"add": {"id": "direct"}})
        self.act("features", {"add": {"id": "rule"}})

    @initialize(switches=SWITCHES | st.just({}), billing=SELDOM)
    def begin(self, switches: dict[str, str], billing: str | None) -> None:
        open_to_all = {"kana.usage.entitlement": "ignored"}
        acts.perform(self.account, "settings", {**switches, **open_to_all}, NOW)
        self.people.switches = {**DEFAULTS, **switches}
        self.arrange(*self.scene)
        self.identify("1", "x@t", billing, "Ann")

    def arrange(self, who: Who, paying: int, shared: bool) -> None:
        """A row of the table, or what it leaves open, before the identify call comes."""
        if who != "absent":
            self.identify("1", None if who == "bare" else "z@t", None, None)
        if shared:
            self.identify("2", "z@t", None, None)
        for email in ("x@t", "y@t")[:paying]:
            self.import_stripe(email, f"cus_{email[0]}")
        if paying == 2:
            self.import_csv([("y@t", "x@t", None)])
        for id in ["1"] * (who == "same") + ["2"] * shared:
            self.identify(id, "x@t", None, None)
        for user in ("1", "2", "x@t"):
            self.track(user, "direct")

    def act(self, name: str, arguments: dict[str, Any]) -> Any:
        return acts.perform(self.account, "dashboard", {"name": name, "arguments": arguments}, NOW)

    def send(self, type: str, user: str, **rest: Any) -> None:
        self.sent += 1
        body = {"type": type, "userId": user, "messageId": f"m-{self.sent}", **rest}
        assert self.ask("/segment/events", body) == {}

    def ask(self, path: str, body: Any) -> Any:
        desk, place = KANA.switchboard.find("kana", "POST", path)
        headers = {b"authorization": KEY.encode()}
        request = Request("POST", path, b"", headers, orjson.dumps(body), place.params)
        reply = desk.repeat(request, place.methods, None, NOW).reply
        assert reply.status == 200
        return orjson.loads(reply.body)

    @property
    def seen(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.show("users")
        return told

    def show(self, name: str) -> Any:
        return self.account.room.dashboard[name](self.account, {}, NOW)

    def billing_ids(self) -> set[str]:
        return {user["billingId"] for user in self.seen if user["billingId"]}

    @rule(id=IDS, email=MAYBE, billing=SELDOM, name=st.none() | st.just("Ann"))
    def identify(self, id: str, email: str | None, billing: str | None, name: str | None) -> None:
        before, own = self.billing_ids(), self.people.find(id)
        overwritten = {own.billing_id} if own and billing else set()
        traits = {"email": email, "billingUserId": billing, "name": name}
        self.send("identify", id, traits=traits)
        self.people.identify(id, email, billing, name, csv=False)
        self.keeps_customers({*before} - overwritten)

    def keeps_customers(self, customers: AbstractSet[str | None]) -> None:
        """Never are two Stripe customers made one by a guess."""
        if self.people.switches["kana.identify.two-customers"] == "apart":
            assert customers <= self.billing_ids()

    @rule(id=IDS, email=MAYBE, billing=SELDOM)
    def create_user(self, id: str, email: str | None, billing: str | None) -> None:
        document = "mutation ($i: CreateUserInput!) { createUser(input: $i) { id } }"
        given = {"id": id, "email": email, "billingId": billing}
        told = self.ask("/graphql", {"query": document, "variables": {"i": given}})
        assert ("errors" in told) is not self.people.create(id, email, billing)

    @rule(id=IDS, new=IDS)
    def update_user(self, id: str, new: str) -> None:
        document = (
            "mutation ($u: String!, $i: UpdateUserInput!) { updateUser(id: $u, input: $i) { id } }"
        )
        told = self.ask("/graphql", {"query": document, "variables": {"u": id, "i": {"id": new}}})
        assert ("errors" in told) is not self.people.rename(id, new)

    @rule(email=EMAIL, billing=BILLING)
    def import_stripe(self, email: str, billing: str) -> None:
        before = self.seen
        told = self.act("import-stripe", {"customers": [{"email": email, "billingId": billing}]})
        self.people.import_customer(email, billing)
        assert [user["id"] for user in before] == [user["id"] for user in self.seen][: len(before)]
        assert billing in self.billing_ids() or told["differing"]

    @rule(
        rows=st.lists(
            st.tuples(IDS, st.none() | EMAIL, SELDOM), max_size=3, unique_by=lambda r: r[0]
        )
    )
    def import_csv(self, rows: list[tuple[str, str | None, str | None]]) -> None:
        lines = [f"{id},{email or ''},{billing or ''}" for id, email, billing in rows]
        self.act("import-csv", {"csv": "\n".join(["id,email,billingId", *lines])})
        self.people.import_rows((id, email, billing, None) for id, email, billing in rows)

    @rule()
    def import_what_was_exported(self) -> None:
        before = self.seen
        self.act("import-csv", self.show("export-csv"))
        self.people.import_rows((p["id"], p["email"], p["billingId"], p["name"]) for p in before)

    @precondition(lambda self: len(self.people.everybody) > 1)
    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        before = self.seen
        ids = [user["id"] for user in before]
        chosen = data.draw(st.lists(st.sampled_from(ids), min_size=2, max_size=3, unique=True))
        told = self.act("merge", {"users": chosen})
        self.people.merge(chosen)
        assert len(self.seen) == len(before) - len(chosen) + 1
        assert told["id"] in chosen

    @precondition(lambda self: self.people.everybody)
    @rule(wanted=st.sampled_from([False, False, False, True]), data=st.data())
    def delete(self, wanted: bool, data: Any) -> None:
        if wanted:
            user = data.draw(st.sampled_from(self.seen))
            assert self.act("delete", {"user": user["id"]}) == user
            self.gone += self.people.delete(user["id"])

    @rule(user=IDS, feature=st.sampled_from(["direct", None]))
    def track(self, user: str, feature: str | None) -> None:
        properties = {} if feature is None else {"featureId": feature}
        self.send("track", user, event="Sent", properties=properties)
        self.people.track(user, feature)
        self.counted += 1

    @precondition(lambda self: not self.people.mapped)
    @rule(wanted=st.sampled_from([False, False, True]))
    def make_rule(self, wanted: bool) -> None:
        if wanted:
            self.act("rules", {"add": {"name": "r", "event": "Sent", "featureId": "rule"}})
            self.people.make_rule()

    @precondition(lambda self: self.people.mapped)
    @rule(wanted=st.sampled_from([False, False, True]))
    def remove_rule(self, wanted: bool) -> None:
        if wanted:
            self.act("rules", {"remove": "r"})
            self.people.mapped = False

    @invariant()
    def knows_the_same_people(self) -> None:
        told = [
            (user["id"], user["identified"], user["email"], user["billingId"], user["name"])
            for user in self.seen
        ]
        assert told == [
            (p.id, p.identified, p.email, p.billing_id, p.name) for p in self.people.everybody
        ]

    @invariant()
    def knows_everybody_by_one_id(self) -> None:
        ids = [user["id"] for user in self.seen]
        assert len(ids) == len(set(ids))

    @invariant()
    def bills_the_same(self) -> None:
        totals = {(t.customer, t.meter): t.quantity for t in self.account.ledger.totals()}
        assert totals == +self.people.used

    @invariant()
    def loses_no_usage(self) -> None:
        """Every event is billed to somebody who is there, or among those that are kept."""
        ids = {user["id"] for user in self.seen}
        totals = self.account.ledger.totals()
        assert {total.customer for total in totals} <= ids
        kept = int(self.show("unmapped")["text"].split()[0])
        assert kept == len(self.people.kept)
        assert sum(total.quantity for total in totals) + kept + self.gone == self.counted

    @invariant()
    def flags_what_is_there(self) -> None:
        told, people = self.show("flags"), self.people
        assert told["withoutBillingId"] == [p.id for p in people.everybody if not p.billing_id]
        alike = [p.id for p in people.everybody if len(people.of(p.email)) > 1]
        assert told["sameEmail"] == alike


def run() -> None:
    """A few lives from each beginning."""
    for n, scene in enumerate(SCENES):
        run_state_machine_as_test(
            type(f"Life{n}", (Life,), {"scene": scene}),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize=True,
                deadline=None,
                database=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_users_and_usage_are_what_the_documentation_says() -> None:
    """And it has been where the documentation says something, and where it does not."""
    REACHED.clear()
    run()
    assert {*ROWS, *SCENES} <= REACHED.keys()


def takes_any_import(payload: Any, known: Any, imports: Any, shared: Any, terms: Any) -> Any:
    if not imports:
        return users.Ruling("kana.identify.update", takes=False)
    return users._row(payload, known, shared, terms)


def loses_a_customer(payload: Any, known: Any, imports: Any, shared: Any, terms: Any) -> Any:
    if len(imports) != 1 or (known is not None and not known.identified):
        return users.Ruling("kana.identify.several-imports", takes=False)
    return users._row(payload, known, shared, terms)


def merges_row_10(payload: Any, known: Any, shared: bool, terms: Any) -> Any:
    ruling = ROW(payload, known, shared, terms)
    return replace(ruling, takes=ruling.takes or ruling.rule == "kana.identify.update")


def moves_nothing(old: str, new: str, state: Any, rule: str) -> Any:
    return ()


def forgets_kept_events(old: str, new: str, state: Any, rule: str) -> Any:
    kept = [replace(event) for event in state.unmapped]
    effects = MOVE(old, new, state, rule)
    state.unmapped = kept
    return effects


def keeps_who_is_gone(gone: Any, left: Any, state: Any, rule: str) -> Any:
    effects = ABSORB(gone, left, state, rule)
    state.users[gone.id] = gone
    return effects


def drops_the_billing_id(gone: Any, left: Any, state: Any, rule: str) -> Any:
    billing_id = left.billing_id
    effects = ABSORB(gone, left, state, rule)
    left.billing_id = billing_id
    return effects


def merges_into_the_youngest(chosen: Any, state: Any, terms: Any) -> Any:
    for user in chosen:
        user.born = -user.born
    return JOIN(chosen, state, terms)


def identifies_by_csv(rows: Any, state: Any, terms: Any) -> Any:
    return ROWS_OF([replace(row, origin="segment") for row in rows], state, terms)


def links_the_oldest(customer: Any, state: Any, terms: Any) -> Any:
    return MATCH(customer, state, replace(terms, several_users="oldest"))


ROW, MOVE, ABSORB, JOIN = users._row, merges._move, merges.absorb, merges.join
ROWS_OF, MATCH = imports.import_rows, imports._match


@pytest.mark.parametrize(
    ("place", "bug"),
    [
        ((users, "_ruling"), takes_any_import),
        ((users, "_ruling"), loses_a_customer),
        ((users, "_row"), merges_row_10),
        ((users, "absorb"), keeps_who_is_gone),
        ((users, "absorb"), drops_the_billing_id),
        ((merges, "absorb"), keeps_who_is_gone),
        ((merges, "_move"), moves_nothing),
        ((merges, "_move"), forgets_kept_events),
        ((merges, "join"), merges_into_the_youngest),
        ((imports, "import_rows"), identifies_by_csv),
        ((imports, "_match"), links_the_oldest),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bug_planted_in_the_room_is_found(
    monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], bug: Callable[..., Any]
) -> None:
    monkeypatch.setattr(*place, bug)
    with pytest.raises((AssertionError, KeyError)):
        run()
