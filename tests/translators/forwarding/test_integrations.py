"""Segment's integrations object, by its published rules."""

import pytest

from translators.forwarding.integrations import filtered


@pytest.mark.parametrize(
    "integrations",
    [
        None,
        {},
        [],
        {"All": True},
        {"All": False, "Orb": True},
        {"All": False, "Orb": {"any": "option"}},
        {"All": False, "Orb": {}},
        {"Orb": None},
        {"orb": False},
        {"ORB": False},
        {"Orb (My Workspace)": False},
        {"all": False},
        {"Kana": False},
    ],
)
def test_an_event_is_meant_for_a_destination_unless_it_says_no(integrations: object) -> None:
    """Rules segment.delivery.integrations and segment.delivery.integrations-odd."""
    assert filtered({"integrations": integrations}, "Orb") is None


@pytest.mark.parametrize(
    ("integrations", "named"),
    [
        ({"Orb": False}, "Orb"),
        ({"All": True, "Orb": False}, "Orb"),
        ({"All": False}, "All"),
        ({"All": False, "Orb": None}, "All"),
        ({"All": False, "orb": True}, "All"),
        ({"All": False, "Orb (My Workspace)": True}, "All"),
    ],
)
def test_an_event_is_filtered_where_its_name_or_all_is_false(
    integrations: object, named: str
) -> None:
    """Rule segment.delivery.integrations."""
    out = filtered({"integrations": integrations}, "Orb")
    assert out is not None
    assert (out.code, out.reason) == (
        "FILTERED_BY_INTEGRATIONS_OBJECT",
        f"integrations.{named} is false",
    )


def test_an_event_without_integrations_is_meant_for_all() -> None:
    assert filtered({}, "Orb") is None
