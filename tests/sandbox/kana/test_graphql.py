"""Kana's GraphQL: whatever the document, a bounded answer; and the journal sees every refusal."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.bounds import DEPTH, FIELDS, LENGTH, RESOLVED, TOKENS, TOLD, size
from sandbox.graph import schema
from sandbox.journal import Exchange
from sandbox.kana import records
from sandbox.kana.admin import MOVED
from sandbox.kana.periods import period
from sandbox.kana.state import Event
from sandbox.reply import Effects, Usage
from tests.sandbox.kana.conftest import NOW, Send

RECORD = "mutation($i: CreateUsageEventInput!) { recordUsage(input: $i) { recorded } }"


def spread(n: int) -> str:
    """Each fragment spreads the next twice: 2 to the n fields."""
    links = (f"fragment f{i} on User {{ a{i}: id ...f{i + 1} ...f{i + 1} }}" for i in range(n))
    return "{ users { ...f0 } }" + "".join(links) + f"fragment f{n} on User {{ id }}"


def doubled(n: int) -> str:
    """As before, but by fields, which no rule of GraphQL folds into one."""
    one = "packages { features { id } }"
    links = (f"fragment f{i} on Query {{ a{i}: __typename ...f{i + 1} }}" for i in range(n))
    return "{ ...f0 }" + "".join(links) + f"fragment f{n} on Query {{ {one} }}"


def introspected(depth: int) -> str:
    return "{ __schema { types " + "{ fields { type " * depth + "{ name }" + " } }" * depth + " } }"


ABUSES = {
    "deep": "{ users " * 40 + "{ id }" + " }" * 40,
    "very deep": "{ users " * 4_000,
    "deep lists": 'mutation { updateUser(id: "1", input: {metadata: %s}) { id } }'
    % ("[" * 2_000 + "]" * 2_000),
    "deep objects": 'mutation { updateUser(id: "1", input: {metadata: %s}) { id } }'
    % ("{a:" * 1_500 + "1" + "}" * 1_500),
    "inline fragments": "{ " + "... { " * 1_500 + "__typename" + " }" * 1_501,
    "deep types": "query($a: " + "[" * 2_000 + "Int" + "]" * 2_000 + ") { __typename }",
    "aliases": "{ " + " ".join(f"a{n}: users {{ id }}" for n in range(1_000)) + " }",
    "aliases by the thousand": "{ " + " ".join(f"a{n}: __typename" for n in range(9_000)) + " }",
    "mutations": "mutation { "
    + " ".join(f'a{n}: createUser(input: {{id: "{n}"}}) {{ id }}' for n in range(600))
    + " }",
    "one field": "{ users { " + "id " * 4_900 + "} }",
    "conflicts": "{ " + " ".join(f'a: user(id: "{n}") {{ id }}' for n in range(240)) + " }",
    "circle": "{ users { ...a } } fragment a on User { ...b } fragment b on User { ...a }",
    "circle of itself": "{ users { ...a } } fragment a on User { ...a id }",
    "circles": "{ users { ...a0 } }"
    + "".join(f"fragment a{n} on User {{ ...a{(n + 1) % 300} }}" for n in range(300)),
    "chain": "{ users { ...a0 } }"
    + "".join(f"fragment a{n} on User {{ ...a{n + 1} }}" for n in range(900))
    + "fragment a900 on User { id }",
    "chain of mutations": "mutation { ...a0 }"
    + "".join(f"fragment a{n} on Mutation {{ ...a{n + 1} }}" for n in range(900))
    + 'fragment a900 on Mutation { recordUsage(input: {userId: "1", featureId: "a"}) { nobody } }',
    "circle of mutations": "mutation { ...a } fragment a on Mutation { ...a ... { ...a } }",
    "spread": spread(100),
    "doubled": doubled(900),
    "nobody's fragments": "{ __typename }"
    + "".join(f"fragment a{n} on User {{ id name }}" for n in range(600)),
    "directives": "{ users { id " + "@skip(if: false) " * 900 + "} }",
    "variables": "query(" + "".join(f"$a{n}: Int " for n in range(1_200)) + ") { __typename }",
    "operations": "".join(f"query a{n} {{ __typename }}" for n in range(900)),
    "unknown fields": "{ " + " ".join(f"user{n}" for n in range(490)) + " }",
    "unknown types": "query(" + "".join(f"$a{n}: T{n} " for n in range(1_200)) + ") { a }",
    "long name": "{ " + "a" * 90_000 + " }",
    "long text": '{ user(id: "' + "a" * 200_000 + '") { id } }',
    "long block": '{ user(id: """' + "a\n" * 45_000 + '""") { id } }',
    "comments": "#\n" * 45_000 + "{ __typename }",
    "long number": "{ canUseFeature(userId: 1, featureId: 1, delta: %s) { access } }"
    % ("9" * 90_000),
    "long metadata": 'mutation { updateUser(id: "1", input: {metadata: %s}) { id } }'
    % ("9" * 9_000),
    "infinity": 'mutation { updateUser(id: "1", input: {metadata: [1e999]}) { id } }',
    "surrogate": 'mutation { createUser(input: {id: "\\ud800"}) { id } }',
    "introspection": introspected(8),
    "megabytes": "{ users { id } } #" + " " * 7_000_000,
    "nul": "{ users { id } } \u0000",
}


def last(account: Account) -> Exchange:
    return max(account.journal.after(0), key=lambda exchange: exchange.number)


@pytest.mark.parametrize("name", ABUSES)
def test_a_document_that_asks_for_too_much_is_answered_with_an_error(
    subscribed: Account, send: Send, name: str
) -> None:
    before = len(subscribed.state.users)
    answer = send(ABUSES[name])
    assert answer.status_code == 200, answer.text[:500]
    assert 1 <= len(answer.json()["errors"]) <= 21
    assert last(subscribed).verdict == "refused"
    assert last(subscribed).findings
    assert len(subscribed.state.users) == before


@pytest.mark.parametrize("name", ABUSES)
def test_the_client_api_is_no_easier_to_abuse(subscribed: Account, send: Send, name: str) -> None:
    headers = {"authorization": subscribed.key.replace("prv_", "pub_"), "x-user-id": "1"}
    answer = send(ABUSES[name], path="/kana/client/graphql", headers=headers)
    assert answer.status_code == 200, answer.text[:500]
    assert answer.json()["errors"]


def test_what_a_client_sends_is_far_from_the_bounds(mine: Account, send: Send) -> None:
    from graphql import get_introspection_query, parse

    from sandbox.bounds import _Scale  # what it weighs, and not whether it is too much

    asked = get_introspection_query(specified_by_url=True, input_value_deprecation=True)
    nodes = parse(asked).definitions
    named: Any = {getattr(node, "name", None) and node.name.value: node for node in nodes}  # type: ignore[attr-defined]
    fields, depth = _Scale(named).of(nodes[0].selection_set)  # type: ignore[attr-defined]
    assert fields < FIELDS * 0.8
    assert depth <= DEPTH - 10
    answer = send(asked)
    assert "errors" not in answer.json()
    names = {one["name"] for one in answer.json()["data"]["__schema"]["types"]}
    assert {"User", "Package", "Feature", "PackageSubscription", "RecordedUsage"} <= names


def test_as_much_as_is_allowed_is_carried_out(subscribed: Account, send: Send) -> None:
    """Hundreds of usages in one document, each recorded once."""
    one = (
        'a{n}: recordUsage(input: {{userId: "1", featureId: "messages", delta: 0}}) {{ recorded }}'
    )
    asked = "mutation { " + " ".join(one.format(n=n) for n in range(200)) + " }"
    assert "errors" not in send(asked).json()
    (total,) = subscribed.ledger.totals()
    assert (total.quantity, total.events) == (0, 200)
    assert len(asked) < LENGTH
    assert asked.count("(") < TOKENS


def test_an_answer_that_grows_too_large_is_an_error(mine: Account, send: Send) -> None:
    for n in range(600):
        mine.state.add(f"{n}", origin="api")
    asked = "{ " + " ".join(f"a{n}: users {{ id name }}" for n in range(160)) + " }"
    answer = send(asked)
    (error,) = answer.json()["errors"]
    assert error["message"] == f"The answer has more than {RESOLVED:,} fields"
    assert answer.json()["data"] is None
    assert [finding.rule for finding in last(mine).findings] == ["kana.graphql.bounds"]


@pytest.mark.parametrize(
    "value", ["x" * (TOLD // 100), ["x"] * (TOLD // 500), {"x": list(range(TOLD // 100))}]
)
def test_an_answer_that_tells_a_large_value_over_and_over_is_an_error(
    subscribed: Account, send: Send, value: Any
) -> None:
    asked = 'mutation($m: JSON) { updateUser(id: "1", input: {metadata: $m}) { metadata } }'
    assert send(asked, {"m": value}).json()["data"]["updateUser"]["metadata"] == value
    answer = send("{ " + " ".join(f"a{n}: users {{ metadata }}" for n in range(240)) + " }")
    (error,) = answer.json()["errors"]
    assert error["message"] == f"The answer has more than {TOLD:,} characters"
    assert answer.json()["data"] is None
    assert [finding.rule for finding in last(subscribed).findings] == ["kana.graphql.bounds"]


def test_a_size_is_about_that_of_the_text() -> None:
    value = {"a": ["b" * 100, 1, None, {"c": {}}]}
    assert 100 < size(value, TOLD) <= len(json.dumps(value))
    assert size([1] * 1_000, 10) < 1_000


def test_a_variable_is_not_copied_wherever_a_document_names_it(
    subscribed: Account, send: Send
) -> None:
    one = 'a{n}: createUser(input: {{id: "m{n}", metadata: {{a: [$m]}}}}) {{ id }}'
    asked = "mutation($m: JSON) { " + " ".join(one.format(n=n) for n in range(150)) + " }"
    assert "errors" not in send(asked, {"m": [0] * 10_000}).json()
    users = subscribed.state.users
    assert len({id(users[f"m{n}"].metadata["a"][0]) for n in range(150)}) == 1


def full(account: Account) -> None:
    """User 1 has used something very often, and so has somebody whom Kana does not know."""
    now = account.clock.now()
    usages = [Usage(f"e{n}", "1", "messages", 1) for n in range(MOVED // 2 + 1)]
    for usage in usages:
        account.state.records.add(usage, now)
        event = Event(f"k{usage.event}", "nobody", None, {}, now, "kana.track.unmapped")
        account.state.unmapped.append(event)
    account.ledger.record(0, now, Effects("accepted", usages))


def bounded(account: Account, send: Send, mutations: list[str]) -> None:
    """The first two are done, and the third is refused before anything is done of it."""
    answer = send("mutation { " + " ".join(f"a{n}: {one}" for n, one in enumerate(mutations)) + "}")
    (error,) = answer.json()["errors"]
    assert error["message"] == f"The document has moved or tried again more than {MOVED:,} usages"
    assert error["path"] == ["a2"]
    assert [finding.rule for finding in last(account).findings] == ["kana.graphql.bounds"]


def test_a_document_moves_so_much_usage_and_no_more(subscribed: Account, send: Send) -> None:
    full(subscribed)
    one = 'updateUser(id: "{0}", input: {{id: "{1}"}}) {{ id }}'
    bounded(subscribed, send, [one.format(n, n + 1) for n in range(1, 241)])
    assert list(subscribed.state.users) == ["3"]
    (total,) = subscribed.ledger.totals()
    assert (total.customer, total.quantity) == ("3", MOVED // 2 + 1)
    assert "errors" not in send(f"mutation {{ {one.format(3, 4)} }}").json()


def test_a_document_tries_so_many_kept_events_and_no_more(subscribed: Account, send: Send) -> None:
    full(subscribed)
    subscribed.set("kana.rules.retry", "any")
    one = 'createFeature(input: {{id: "f{0}", type: CONSUMABLE}}) {{ id }}'
    two = 'createUser(input: {{id: "u{0}"}}) {{ id }}'
    bounded(subscribed, send, [(two if n % 2 else one).format(n) for n in range(240)])
    assert list(subscribed.state.users) == ["1", "u1"]
    assert list(subscribed.state.features) == ["messages", "f0"]


def test_usage_is_put_into_periods_once_however_often_it_is_shown(
    subscribed: Account, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(40):
        subscribed.clock.freeze(NOW + timedelta(days=31 * day))
        assert send(RECORD, {"i": {"userId": "1", "featureId": "messages"}}).json()["data"]
    asked = []

    def found(*of: Any) -> Any:
        asked.append(of)
        return period(*of)

    monkeypatch.setattr(records, "period", found)
    one = 'showUsage(userId: "1", featureId: "messages") { past { consumption { used } } }'
    told = send("{ " + " ".join(f"a{n}: {one}" for n in range(120)) + " }").json()["data"]
    assert told["a0"] == told["a119"]
    assert sum(past["consumption"]["used"] for past in told["a0"]["past"]) == 39
    assert len(asked) <= 40


def test_a_mutation_before_too_large_an_answer_is_done_and_told(
    subscribed: Account, send: Send
) -> None:
    """What was recorded is in the ledger, though the caller reads an error."""
    one = 'recordUsage(input: {userId: "1", featureId: "messages"}) { recorded }'
    told = 'updateUser(id: "1", input: {metadata: $m}) { metadata }'
    many = " ".join(f"b{n}: {told}" for n in range(40))
    asked = f"mutation($m: JSON) {{ {one} {many} }}"
    answer = send(asked, {"m": "x" * (TOLD // 30)}).json()
    assert (answer["data"], len(answer["errors"])) == (None, 1)
    assert [total.quantity for total in subscribed.ledger.totals()] == [1]


def test_a_sum_that_no_int_can_tell_is_an_error_in_its_place(
    subscribed: Account, send: Send
) -> None:
    """Rule kana.graphql.result: two users' usage comes together by a merge."""
    subscribed.set("kana.usage.limit", "recorded")
    send('mutation { createUser(input: {id: "2"}) { id } }')
    subscribed.set("kana.usage.entitlement", "ignored")
    for user in "12":
        most = {"userId": user, "featureId": "messages", "delta": 2**31 - 1}
        assert send(RECORD, {"i": most}).json()["data"]["recordUsage"]["recorded"]
    subscribed.room.dashboard["merge"](subscribed, {"users": ["1", "2"]}, subscribed.clock.now())
    asked = '{ canUseFeature(userId: "1", featureId: "messages") { access consumption { used } } }'
    answer = send(asked).json()
    assert answer["data"] == {"canUseFeature": {"access": False, "consumption": None}}
    (error,) = answer["errors"]
    assert error["path"] == ["canUseFeature", "consumption", "used"]
    (finding,) = last(subscribed).findings
    assert (finding.path, finding.rule) == (
        "$.query.canUseFeature.consumption.used",
        "kana.graphql.result",
    )


LOST = {
    "nobody": ('userId: "9", featureId: "messages", delta: 4', "kana.user.unknown", "9", 4),
    "nothing": ('userId: "1", featureId: "x", delta: 4', "kana.feature.unknown", "1", 4),
    "too much": ('userId: "1", featureId: "messages", delta: 11', "kana.usage.limit", "1", 11),
    "text": ('userId: "1", featureId: "messages", delta: "4"', "kana.graphql.validation", "1", 1),
    "no user": ('featureId: "messages", delta: 4', "kana.graphql.validation", None, 4),
    "not whole": ('userId: "1", featureId: "m", delta: 1.5', "kana.graphql.validation", "1", 1.5),
    "large": (
        'userId: "1", featureId: "m", delta: 3000000000',
        "kana.graphql.validation",
        "1",
        3 * 10**9,
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_usage_that_is_answered_200_and_not_recorded_is_in_the_ledger(
    subscribed: Account, send: Send, name: str
) -> None:
    given, rule, user, quantity = LOST[name]
    answer = send(f"mutation {{ recordUsage(input: {{{given}}}) {{ recorded }} }}")
    assert answer.status_code == 200
    (entry,) = subscribed.ledger.entries()
    assert (entry.outcome, entry.rule) == ("rejected", rule)
    assert (entry.usage.customer, entry.usage.quantity) == (user, quantity)
    assert subscribed.ledger.totals() == []
    assert last(subscribed).verdict in ("refused", "not billed")
    assert [finding.rule for finding in last(subscribed).findings] == [rule]


def test_variables_of_a_refused_document_tell_what_was_lost(
    subscribed: Account, send: Send
) -> None:
    send(RECORD, {"i": {"userId": "1", "featureId": "messages", "delta": "7"}})
    (entry,) = subscribed.ledger.entries()
    assert (entry.usage.customer, entry.usage.meter) == ("1", "messages")
    assert entry.rule == "kana.graphql.variables"


ENDED = """mutation($no: Boolean!) {
  a: recordUsage(input: {userId: "1", featureId: "messages"}) { recorded }
  b: subscribe(packageIds: ["none"], userId: "1") { id }
  c: recordUsage(input: {userId: "1", featureId: "messages", delta: 4}) { recorded }
  ...more
  d: recordUsage(input: {userId: "1", featureId: "messages"}) @skip(if: true) { recorded }
  e: recordUsage(input: {userId: "1", featureId: "messages"}) @include(if: $no) { recorded }
}
fragment more on Mutation {
  ... { f: recordUsage(input: {userId: "1", featureId: "messages", delta: 5}) { recorded } }
}"""


def test_usage_after_a_refused_mutation_is_in_the_ledger(subscribed: Account, send: Send) -> None:
    """Rule kana.graphql.serial: `data` is null, and what came before is recorded all the same."""
    assert send(ENDED, {"no": False}).json()["data"] is None
    told = [(e.outcome, e.usage.quantity, e.rule) for e in subscribed.ledger.entries()]
    lost = "kana.graphql.serial"
    assert told == [("accepted", 1, None), ("rejected", 4, lost), ("rejected", 5, lost)]


def test_usage_in_a_fragment_of_a_refused_document_is_in_the_ledger(
    subscribed: Account, send: Send
) -> None:
    send(ENDED.replace("c:", "nobody c:"), {"no": False})
    told = [(e.outcome, e.usage.quantity, e.rule) for e in subscribed.ledger.entries()]
    assert told == [("rejected", n, "kana.graphql.validation") for n in (1, 4, 5)]


def test_a_variable_inside_of_metadata_that_is_not_given_is_left_out(send: Send) -> None:
    asked = """mutation($m: JSON) {
      createUser(input: {id: "1", metadata: {a: $m, b: [$m, {c: $m}], d: 1}}) { metadata }
    }"""
    given = send(asked, {"m": {"x": None}}).json()["data"]["createUser"]["metadata"]
    assert given == {"a": {"x": None}, "b": [{"x": None}, {"c": {"x": None}}], "d": 1}
    absent = send(asked.replace('"1"', '"2"')).json()["data"]["createUser"]["metadata"]
    assert absent == {"b": [None, {}], "d": 1}


@pytest.mark.parametrize("endpoint", ["graphql", "client-graphql"])
def test_a_schema_is_one_that_can_be_executed(endpoint: str) -> None:
    sdl = read("kana").endpoint(endpoint).sdl
    assert sdl is not None
    assert schema(sdl).query_type is not None


def test_every_operation_of_the_schema_is_there_and_no_other(mine: Account) -> None:
    from sandbox.kana.admin import Admin
    from sandbox.room import Call

    endpoint = read("kana").endpoint("graphql")
    root = Admin(Call(mine, endpoint, None, None, mine.clock.now())).root()  # type: ignore[arg-type]
    of = schema(endpoint.sdl or "")
    assert of.query_type is not None
    assert of.mutation_type is not None
    assert set(root) == {*of.query_type.fields, *of.mutation_type.fields}


def test_the_playground_fetches_nothing_from_elsewhere(mine: Account, sandbox: Sandbox) -> None:
    async def got() -> httpx.Response:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/kana/graphql", headers={"accept": "text/html"})

    page = asyncio.run(got())
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("http-equiv", "")


def test_a_fault_of_ours_is_no_graphql_error(
    subscribed: Account, send: Send, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """It is a 500 in the journal, and not an error among a vendor's."""
    subscribed.state.packages.clear()  # which no request can do
    assert send("{ subscriptions { package { id } } }").status_code == 500
    assert "KeyError" in caplog.text


def test_a_durable_journal_gives_the_same_answers_again(tmp_path: Any) -> None:
    from sandbox.archive import Archive

    asks = [
        'mutation { createUser(input: {id: "1"}) { id } }',
        'mutation { generateUserToken(userId: "1") { token } }',
        'mutation { recordUsage(input: {userId: "1", featureId: "m"}) { recorded } }',
        "{ users { id } }",
        "{ nobody }",
    ]

    async def told(house: Sandbox) -> None:
        transport = httpx.ASGITransport(app=house)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for asked in asks:
                headers = {"authorization": "prv_test_durable"}
                answer = await client.post("/kana/graphql", json={"query": asked}, headers=headers)
            kept = house.accounts.open("kana", "prv_test_durable").journal.get(2)
            assert kept is not None
            made = json.loads(kept.reply.body)
            shown = f"Bearer {made['data']['generateUserToken']['token']}"
            answer = await client.post(
                "/kana/client/graphql",
                json={"query": "{ currentUser { id } }"},
                headers={"authorization": shown},
            )
            assert answer.json() == {"data": {"currentUser": {"id": "1"}}}

    house = create_app(Options(vendors=["kana"], data_dir=tmp_path))
    asyncio.run(told(house))
    assert isinstance(house.archive, Archive)
    house.archive.close()
    again = create_app(Options(vendors=["kana"], data_dir=tmp_path))
    account = again.accounts.open("kana", "prv_test_durable")
    assert account.journal.next - 1 == len(asks) + 1
    assert list(account.state.users) == ["1"]
    assert [e.verdict for e in account.journal.after(0)] == [
        "answered",
        "answered",
        "refused",
        "answered",
        "refused",
        "answered",
    ]
    assert again.archive is not None
    again.archive.close()
