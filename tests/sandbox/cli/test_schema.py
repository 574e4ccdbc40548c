"""`meterbox schema`."""

import pytest
from graphql import build_schema

from contracts.reader import read


def test_the_first_schema_is_printed(run):
    assert run("schema", "kana").output == read("kana").endpoint("graphql").sdl


def test_another_schema_is_printed_by_the_name_of_its_endpoint(run):
    printed = run("schema", "kana", "client-graphql").output
    assert list(build_schema(printed).query_type.fields) == ["currentUser"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["orb"], "Orb has no endpoint that executes GraphQL. None of its endpoints does."),
        (
            ["kana", "grahpql"],
            "Kana has no endpoint 'grahpql' that executes GraphQL. Did you mean 'graphql'? "
            "Those that do: graphql, client-graphql.",
        ),
        (
            ["kana", "segment-events"],
            "Kana has no endpoint 'segment-events' that executes GraphQL. "
            "Those that do: graphql, client-graphql.",
        ),
    ],
)
def test_what_has_no_schema_is_told(run, arguments, told):
    done = run("schema", *arguments)
    assert (done.exit_code, done.stderr.strip()) == (2, f"meterbox: {told}")
