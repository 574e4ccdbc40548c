"""Kana's decisions, without a server."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.reader import read
from sandbox.kana import merges, rules, users
from sandbox.kana.features import leaves, text
from sandbox.kana.packages import Package, Part
from sandbox.kana.spelling import documented
from sandbox.kana.state import Event, Feature, MappingRule, State, Terms
from sandbox.kana.subscriptions import subscribe
from sandbox.kana.users import Payload

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
TERMS = Terms.of({**read("kana").defaults, "kana.usage.entitlement": "ignored"})
MESSAGES = Feature("messages", "Messages", "CONSUMABLE")


@pytest.fixture
def state() -> State:
    state = State(features={"messages": MESSAGES})
    state.add("1", origin="segment")
    return state


def event(id: str = "m", user: str = "1", **properties: Any) -> Event:
    return Event(id, user, "Message Sent", properties, NOW)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a", "a"),
        ("", ""),
        (3, "3"),
        (3.0, "3"),
        (1.5, "1.5"),
        (1e30, str(int(1e30))),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ([], None),
        ({}, None),
    ],
)
def test_a_value_is_compared_as_a_person_would_type_it(value, written):
    assert text(value) == written


def test_values_inside_objects_have_dotted_paths():
    assert list(leaves({"a": {"b": {"c": 1}}, "d": [1]})) == [("a.b.c", "1")]


@pytest.mark.parametrize(
    "delta", [float(2**31), 2**31, -(2**31) - 1, 0.5, 1e300, "1", True, [], {}]
)
def test_a_delta_that_is_no_int_is_never_counted(state, delta):
    tracked = rules.track(event(featureId="messages", delta=delta), state, TERMS)
    assert [e.outcome for e in tracked.effects] == ["unmatched"]
    assert [f.rule for f in tracked.findings] == ["kana.track.types"]


@pytest.mark.parametrize("delta", [2**31 - 1, -(2**31), 2.0])
def test_a_delta_that_is_an_int_is_counted_as_one(state, delta):
    (effects,) = rules.track(event(featureId="messages", delta=delta), state, TERMS).effects
    assert effects.outcome == "accepted"
    assert [type(usage.quantity) for usage in effects.items] == [int]


def test_an_event_that_one_rule_cannot_count_is_not_counted_by_another(state):
    terms = replace(TERMS, several_rules="each")
    state.features["sso"] = Feature("sso", "SSO", "BINARY")
    for feature in ("messages", "sso"):
        state.rules[feature] = MappingRule(feature, feature, "Message Sent", ())
    (effects,) = rules.track(event(), state, terms).effects
    assert effects.outcome == "unmatched"
    assert state.records.move("1", "1") == []


def test_an_event_counted_for_two_features_moves_whole(state):
    terms = replace(TERMS, several_rules="each")
    state.features["emails"] = Feature("emails", "Emails", "CONSUMABLE")
    for feature in ("messages", "emails"):
        state.rules[feature] = MappingRule(feature, feature, "Message Sent", ())
    older = state.users["1"]
    younger = state.add("2", origin="segment")
    rules.track(event(user="2"), state, terms)
    _, (moved,) = merges.join([younger, older], state, TERMS)
    assert moved.outcome == "updated"
    assert [(u.event, u.customer, u.meter) for u in moved.items] == [
        ("m", "1", "messages"),
        ("m:emails", "1", "emails"),
    ]


def test_usage_of_a_second_feature_is_called_like_no_other(state):
    """Or it would be billed in the other's place when its user is merged."""
    terms = replace(TERMS, several_rules="each")
    state.features["emails"] = Feature("emails", "Emails", "CONSUMABLE")
    for feature in ("messages", "emails"):
        state.rules[feature] = MappingRule(feature, feature, "Message Sent", ())
    for id in ("m", "m:emails", "m:emails"):
        name = state.free(id)
        state.take(id, name)
        rules.track(event(name), state, terms)
    assert rules.repeated("m:emails", state, terms)
    names = [usage.event for usage in state.records.move("1", "2")]
    assert len(names) == len(set(names)) == 6


def test_moved_usage_moves_again(state):
    state.add("2", origin="segment")
    state.add("3", origin="segment")
    rules.track(event(user="3", featureId="messages"), state, TERMS)
    survivor, effects = merges.join([state.users["3"], state.users["2"]], state, TERMS)
    assert [u.customer for e in effects for u in e.items] == ["2"]
    survivor, effects = merges.join([survivor, state.users["1"]], state, TERMS)
    assert survivor.id == "1"
    assert [u.customer for e in effects for u in e.items] == ["1"]
    assert list(state.users) == ["1"]


def test_three_users_become_one(state):
    for id in ("2", "3"):
        state.describe(state.add(id, origin="segment"), email=f"{id}@example.com")
    survivor, _ = merges.join([state.users[id] for id in ("3", "1", "2")], state, TERMS)
    assert (survivor.id, survivor.email) == ("1", "2@example.com")


def test_two_imports_of_one_email_in_two_spellings_are_not_chosen_between(state):
    for email in ("x@gmail.com", "X@gmail.com"):
        state.describe(state.add(email, origin="stripe", identified=False), email=email)
    terms = replace(TERMS, email_case="ignore")
    done = users.identify(Payload("9", None, "x@gmail.com", None), state, terms)
    assert [finding.rule for finding in done.findings] == ["kana.identify.several-imports"]
    done = users.identify(Payload("1", None, "x@gmail.com", None), state, terms)
    assert done.effects == ()
    assert len(state.users) == 4


def test_keys_in_any_casing_are_respelled_and_right_ones_stand():
    given = {"USER_ID": "2", "userId": "1", "Traits": {"BILLING_USER_ID": "c", "Plan": 1}}
    assert documented(given) == {
        "USER_ID": "2",
        "userId": "1",
        "traits": {"billingUserId": "c", "Plan": 1},
    }


def test_of_two_odd_spellings_one_is_taken_and_nothing_fails():
    assert documented({"user_id": "1", "USERID": "2"})["userId"] in ("1", "2")


def test_only_what_no_rule_mapped_is_counted_by_a_documented_rule(state):
    """Rules kana.rules.reprocess and kana.rules.retry."""
    rules.track(event("m"), state, TERMS)
    rules.track(event("n", user="2"), state, TERMS)
    rules.track(event("o", featureId="emails"), state, TERMS)
    state.add("2", origin="segment")
    state.features["emails"] = Feature("emails", "Emails", "CONSUMABLE")
    state.rules["r"] = MappingRule("r", "messages", "Message Sent", ())
    told = {e.rule: [u.event for u in e.items] for e in rules.reprocess(state, TERMS, NOW)}
    assert told == {"kana.rules.reprocess": ["m"], "kana.rules.retry": ["n", "o"]}


def test_events_that_were_kept_are_counted_in_their_order_up_to_a_limit(state):
    terms = replace(TERMS, entitlement="required")
    parts = {"messages": Part("messages", "MONTH", 2)}
    state.packages["free"] = Package("free", "Free", False, parts, NOW, "PUBLISHED")
    subscribe(["free"], "1", state, NOW)
    for n, properties in enumerate([{}, {"featureId": "emails"}, {}]):
        rules.track(event(f"m-{n}", **properties), state, terms)
    state.packages["free"].parts = {**parts, "emails": Part("emails", "MONTH", 0)}
    state.features["emails"] = Feature("emails", "Emails", "CONSUMABLE")
    rules.track(event("p", featureId="messages"), state, terms)
    state.rules["r"] = MappingRule("r", "messages", "Message Sent", ())
    told = [
        (effects.outcome, effects.rule, [usage.event for usage in effects.items])
        for effects in rules.reprocess(state, terms, NOW)
    ]
    assert told == [
        ("accepted", "kana.rules.reprocess", ["m-0"]),
        ("dropped", "kana.usage.limit", ["m-1", "m-2"]),
    ]


def test_it_is_told_who_a_user_became(state):
    state.add("2", origin="segment")
    state.add("0", origin="segment")
    merges.join([state.users["1"], state.users["2"]], state, TERMS)
    merges.rename(state.users["1"], "9", state)
    merges.rename(state.users["9"], "1", state)
    merges.rename(state.users["1"], "9", state)
    found = rules.track(event(user="2", featureId="messages"), state, TERMS).findings
    assert [finding.message for finding in found] == [
        "Kana has no user '2' any more, who became '9'"
    ]
    merges.delete(state.users["9"], state, TERMS)
    found = rules.track(event("n", user="2", featureId="messages"), state, TERMS).findings
    assert [finding.message for finding in found] == ["Kana has no user '2'; identify comes first"]
