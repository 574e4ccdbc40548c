"""How an account that is not ours alone is asked: waiting, within bounds, and tidied up after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from contracts.cases import NOW, Case
from contracts.model import BadValue
from contracts.reader import read
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.calling import Caller, addresses
from sandbox.verifying.guest import Guest, Manners, Stay
from sandbox.verifying.playing import needs
from sandbox.verifying.target import NotComparable

LIST = Asked("GET", "/v1/customers", None, {}, None)


class Visit:
    """A guest, the answers it gets in turn, what it asked, and how long it waited."""

    def __init__(self, *answers: Answer, vendor: str = "orb", most: int = 100, pause: float = 0):
        self.asked: list[Asked] = []
        self.waits: list[float] = []
        self._answers = iter(answers)
        manners = Manners(most, pause, self.waits.append)
        self.stay = Stay(read(vendor), "orb_test", self._send, manners, lambda: NOW)
        self.guest = Guest(self.stay, "run")

    def _send(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return next(self._answers)

    @property
    def lines(self) -> Sequence[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def answer(status: int = 200, told: object = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps(told).encode())


@pytest.mark.parametrize(
    ("after", "waited"),
    [
        ("3", 3.0),
        ((NOW + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 29.75),
        ("soon", 1.0),
    ],
)
def test_a_vendor_that_has_enough_is_waited_for(after: str, waited: float) -> None:
    visit = Visit(answer(429, retry_after=after), answer(503, retry_after=after), answer(200))
    assert visit.guest.ask(LIST, 200).status == 200
    assert visit.waits == [waited, waited]


def test_it_is_not_waited_for_when_that_is_what_the_case_is_about() -> None:
    visit = Visit(answer(429, retry_after="3"))
    assert visit.guest.ask(LIST, 429).status == 429
    assert visit.waits == []


def test_a_vendor_that_never_has_time_says_nothing_about_the_case() -> None:
    visit = Visit(*[answer(429)] * 9)
    with pytest.raises(NotComparable, match="takes no more requests for now"):
        visit.guest.ask(LIST, 200)
    assert len(visit.asked) == 4
    with pytest.raises(NotComparable, match="takes no more requests for 3600 s"):
        Visit(answer(429, retry_after="3600")).guest.ask(LIST, 200)


def test_there_is_a_pause_between_requests_and_an_end_to_them() -> None:
    visit = Visit(*[answer()] * 9, most=3, pause=0.2)
    for _ in range(3):
        visit.guest.ask(LIST, 200)
    assert visit.waits == [0.2, 0.2]
    with pytest.raises(NotComparable, match="3 requests are the most"):
        visit.guest.ask(LIST, 200)
    assert len(visit.asked) == 3


def case(*given: dict[str, object]) -> Case:
    asked = {"method": "POST", "path": "/v1/customers", "json": {}}
    return Case(
        "c",
        "d",
        (),
        {"method": "GET", "path": "/v1/ping"},
        {"status": 200},
        [{"request": asked, **one} for one in given],
    )


def test_a_case_is_begun_only_with_room_for_tidying_up_after_it() -> None:
    visit = Visit(most=5)
    visit.stay.room_for(case({}, {}))  # two made, two taken away, and the request itself
    visit.stay.sent = 1
    with pytest.raises(NotComparable):
        visit.stay.room_for(case({}, {}))
    visit.stay.sent = 0
    with pytest.raises(NotComparable):
        visit.stay.room_for(case({"times": 3}))


def test_what_was_made_goes_the_latest_first_and_what_stays_is_counted() -> None:
    made = [answer(201, {"id": f"c/{n}"}) for n in range(2)]
    events = answer(200, {"validation_failed": []})
    visit = Visit(*made, events, answer(201, {}), answer(204), answer(500))
    post = Asked("POST", "/v1/customers", None, {}, b"{}")
    for _ in range(2):
        visit.guest.ask(post, 201)
    visit.guest.ask(Asked("POST", "/v1/ingest", None, {}, b"{}"), 200)
    visit.guest.ask(post, 201)  # which does not say what it made is called
    visit.guest.leave()
    assert visit.lines[4:] == ["DELETE /v1/customers/c%2F1", "DELETE /v1/customers/c%2F0"]
    assert visit.stay.left == {"events": 1, "a customer": 2}


def test_what_takes_two_steps_takes_both_and_each_of_a_list_goes() -> None:
    told = {"successes": [{"id": "a"}, {"id": "b"}], "errors": []}
    visit = Visit(answer(200, told), *[answer(200)] * 4, vendor="hyperline")
    visit.guest.ask(Asked("POST", "/v1/customers/batch", None, {}, b"{}"), 200)
    visit.guest.leave()
    assert visit.lines[1:] == [
        "PUT /v1/customers/b/archive",
        "DELETE /v1/customers/b",
        "PUT /v1/customers/a/archive",
        "DELETE /v1/customers/a",
    ]
    assert not visit.stay.left


@pytest.mark.parametrize(("query", "left"), [("{ users { id } }", 0), ("mutation { x }", 1)])
def test_a_question_in_graphql_makes_nothing(query: str, left: int) -> None:
    visit = Visit(answer(200, {"data": {}}), vendor="kana")
    body = json.dumps({"query": query}).encode()
    visit.guest.ask(Asked("POST", "/graphql", None, {}, body), 200)
    visit.guest.leave()
    assert sum(visit.stay.left.values()) == left


def test_a_refusal_makes_nothing() -> None:
    visit = Visit(answer(400, {"id": "c1"}))
    visit.guest.ask(Asked("POST", "/v1/customers", None, {}, b"{}"), 400)
    visit.guest.leave()
    assert len(visit.asked) == 1


def test_an_endpoint_of_meterboxs_own_is_asked_of_a_sandbox_only() -> None:
    """Where a source's events are applied at another vendor."""
    own = Case("c", "d", (), {"method": "POST", "path": "/destinations/orb"}, {"status": 200})
    assert needs(own) == ("a partner's endpoint",)


def test_each_path_goes_to_its_own_host() -> None:
    kana = read("kana")
    client = "/client=https://client-api.usekana.com"
    with Caller(kana, addresses(kana, ["https://api.usekana.com", client])) as caller:
        assert caller.url("/graphql") == "https://api.usekana.com/graphql"
        # That host has no /client in its paths.
        assert caller.url("/client/graphql") == "https://client-api.usekana.com/graphql"
    orb = read("orb")
    assert addresses(orb, ["https://api.withorb.com/v1/"]) == {"": "https://api.withorb.com"}
    with pytest.raises(BadValue):
        addresses(orb, ["https://api.withorb.com/v1?x=1"])
