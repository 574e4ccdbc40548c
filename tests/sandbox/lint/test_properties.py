"""Properties: what is found, and what is not; words, which are judged by."""

from typing import Any

import pytest

from sandbox.lint import properties, words
from tests.sandbox.lint.conftest import event, linter

TEXT, MONEY = "lint.value.number-text", "lint.value.money-float"
REMAINDER, MANY = "lint.value.float-remainder", "lint.property.many-values"
PERSONAL = "lint.property.personal"


def having(*values: Any, name: str = "tokens") -> list[dict]:
    return [event(n, properties={name: value}) for n, value in enumerate(values)]


def test_a_quantity_in_quotes_is_told(look):
    found = look(having("12", "7.5", name="tokens"))
    assert (found[TEXT].level, found[TEXT].count) == ("warning", 2)
    assert found[TEXT].places[0].path == "$.properties.tokens"
    assert "12" not in found[TEXT].message


def test_a_number_in_quotes_where_it_is_also_without_is_told(look):
    found = look(having(1, 2, "3", name="level"))
    assert found[TEXT].level == "warning"
    assert found[TEXT].message.endswith("2 times it is without")


def test_a_number_in_quotes_that_may_be_a_name_is_a_note(look):
    assert look(having("3", "4", name="level"))[TEXT].level == "note"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tokens", (12, 7.5, True, None, "many")),
        ("order_id", ("12", "13")),
        ("zipCode", ("12345", "90210")),
        ("version", ("2.0", "3")),
        ("tokens", ("007", "1e5", "12 kg", "0x10", "")),
        ("answer", ("42", "no idea", "later")),
    ],
)
def test_numbers_and_what_only_looks_like_one_are_not_remarked(look, name: str, values: tuple):
    assert look(having(*values, name=name)) == {}


def test_where_the_vendor_takes_text_alone_numbers_are_text(look):
    record = {"uniqueId": "u", "customerId": "c", "meterApiName": "m", "meterValue": 1}
    record |= {"meterTimeInMillis": 1_768_478_400_000}
    assert look([{**record, "dimensions": {"tokens": "12"}}], vendor="amberflo") == {}


def test_money_with_a_fraction_is_told(look):
    found = look(having(19.99, 0.1, name="unitPrice"))
    assert list(found) == [MONEY]
    assert found[MONEY].count == 2


@pytest.mark.parametrize(
    ("name", "values"),
    [("amount", (100.0, 0.5, 1999, -3)), ("latency", (0.1, 19.99)), ("priceless", (0.1,))],
)
def test_exact_amounts_and_fractions_of_other_things_are_not_remarked(look, name, values):
    assert look(having(*values, name=name)) == {}


def test_remainders_of_floats_are_told_of_any_number(look):
    found = look(having(0.1 + 0.2, 1.1 * 3, 4.35 * 100, 0.3, 1 / 3, 2.5e-7))
    assert list(found) == [REMAINDER]
    assert found[REMAINDER].count == 3


def test_a_property_that_is_different_each_time_is_told(look):
    found = look(having(*(f"req-{n:x}" for n in range(2_000)), name="request"))
    assert list(found) == [MANY]
    assert found[MANY].level == "note"
    assert found[MANY].message == (
        "properties.request has 2,000 different values in the first 2,000 events that have it"
    )
    assert (found[MANY].count, len(found[MANY].places)) == (2_000, 3)


def test_few_values_few_events_and_numbers_are_not_too_many(look):
    assert look(having(*(f"r-{n}" for n in range(900)))) == {}
    assert look(having(*(f"r-{n % 1_000}" for n in range(2_000)))) == {}
    assert look(having(*range(2_000))) == {}


def test_no_more_values_are_kept_than_there_is_room_for(look, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(properties, "DIFFERENT", 1_200)
    found = look(having(*(f"req-{n:x}" for n in range(3_000))))
    assert "1,200 different values in the first 1,200" in found[MANY].message


def test_no_more_properties_are_looked_at_than_there_is_room_for():
    looking = linter()
    for n in range(properties.NAMES + 5):
        looking.look(event(n, properties={f"p{n}": "a@b.example"}), "e", n)
    assert len(looking.causes()) == properties.NAMES
    assert "5 values were not looked at: there are more than 200 properties" in looking.unjudged()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("jane.doe+billing@example.co.uk", "an email address"),
        ("written by jane@example.com today", "an email address"),
        ("+44 20 7946 0958", "a phone number"),
        ("+1 (555) 010-9999", "a phone number"),
        ("4111 1111 1111 1111", "a card number"),
        ("3782-822463-10005", "a card number"),
        ("4111111111111111", "card numbers"),
        (5555555555554444, "card numbers"),
    ],
)
def test_personal_data_is_told_and_not_shown(look, value: object, what: str):
    (cause,) = look(having(value, name="note")).values()
    assert cause.advice.id == PERSONAL
    assert cause.message == f"properties.note holds {what} (not shown)"
    assert str(value) not in str(cause)


@pytest.mark.parametrize(
    "value",
    [
        "me@localhost",
        "@handle",
        "a@",
        "C++11 2024",
        "+5",
        "2026-01-15T12:00:00+02:00",
        "4111 1111 1111 1112",
        "1234 5678 9012 3456",
        "4111111111111112",
        1768478400000123,
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "+12.5",
        "12 + 12345678 = 12345690",
    ],
)
def test_what_only_resembles_personal_data_is_not_remarked(look, value: object):
    assert look(having(value, name="note")) == {}


def test_long_numbers_of_which_some_pass_for_cards_are_none(look):
    numbers = range(4_111_111_111_111_100, 4_111_111_111_111_200)
    assert look(having(*numbers, name="span")) == {}
    assert look(having(*map(str, numbers), name="span")) == {}


def test_what_is_nested_is_looked_at_too(look):
    inner = {"user": {"mails": ["a@b.example"]}}
    (cause,) = look([event(1, properties=inner)]).values()
    assert str(cause.places[0]) == "e.ndjson:1: $.properties.user.mails[]"


@pytest.mark.parametrize(
    ("name", "told"),
    [("unit_count", True), ("tokensUsed", True), ("orderId", None), ("x", False), ("ID", None)],
)
def test_names_are_read_by_their_words(name: str, told: bool | None):
    assert words.quantity(name) is told
