"""Paths are matched as they are sent, and parameters decoded afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.model import Endpoint
from sandbox.paths import Paths, sent

PATHS = {
    "search": ("POST", "/events/search"),
    "deprecate": ("PUT", "/events/{id}/deprecate"),
    "amend": ("PUT", "/events/{id}"),
    "by-name": ("GET", "/customers/by_name/{name}"),
    "fetch": ("GET", "/customers/{id}"),
    "delete": ("DELETE", "/customers/{id}"),
    "rename": ("PUT", "/customers/{id}/names/{name}"),
}


def endpoint(name: str, method: str, path: str) -> Endpoint:
    return Endpoint(name, method, (path,), "", "acme.path")


MINE = Paths([endpoint(name, *at) for name, at in PATHS.items()])


@pytest.mark.parametrize(
    ("method", "path", "name", "params"),
    [
        ("POST", "/events/search", "search", {}),
        ("PUT", "/events/search", "amend", {"id": "search"}),
        ("PUT", "/events/search/deprecate", "deprecate", {"id": "search"}),
        ("PUT", "/events/a/deprecate", "deprecate", {"id": "a"}),
        ("PUT", "/events/a%2Fdeprecate", "amend", {"id": "a/deprecate"}),
        ("PUT", "/events/a%252Fdeprecate", "amend", {"id": "a%2Fdeprecate"}),
        ("PUT", "/events/a/b/deprecate", "deprecate", {"id": "a/b"}),
        ("PUT", "/events/a/b", "amend", {"id": "a/b"}),
        ("PUT", "/events/", "amend", {"id": ""}),
        ("PUT", "/events/%0A%00", "amend", {"id": "\n\0"}),
        ("GET", "/customers/by_name/a", "by-name", {"name": "a"}),
        ("GET", "/customers/by_name/a/b", "by-name", {"name": "a/b"}),
        ("GET", "/customers/by_name%2Fa", "fetch", {"id": "by_name/a"}),
        ("GET", "/customers/by_name", "fetch", {"id": "by_name"}),
        ("PUT", "/customers/a%2F1/names/b%20c", "rename", {"id": "a/1", "name": "b c"}),
    ],
)
def test_a_path_and_a_method_are_one_endpoint(
    method: str, path: str, name: str, params: dict[str, str]
) -> None:
    place = MINE.find(method, path)
    assert (place.methods[method].name, place.params, place.path) == (name, params, path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/events/search", ["POST", "PUT"]),
        ("DELETE", "/customers/by_name/a", ["GET"]),
        ("DELETE", "/customers/by_name/a/b", ["GET"]),
        ("PATCH", "/customers/a", ["GET", "DELETE"]),
        ("GET", "/nothing", []),
        ("GET", "/customers", []),
    ],
)
def test_a_method_that_is_not_there_is_not_made_up_from_a_longer_id(
    method: str, path: str, allowed: list[str]
) -> None:
    assert list(MINE.find(method, path).methods) == allowed


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/a b/é", "raw_path": b"/a%20b/%c3%a9"}, "/a%20b/%C3%A9"),
        ({"path": "/a/b:c", "raw_path": b"/%61%2fb%3Ac"}, "/a%2Fb:c"),
        ({"path": "/a:b@c", "raw_path": b"/a:b@c"}, "/a:b@c"),
        ({"path": "/100%", "raw_path": b"/100%"}, "/100%25"),
        ({"path": "/\ufffd", "raw_path": b"/%ff"}, "/%FF"),
        ({"path": "/a b/%é"}, "/a%20b/%25%C3%A9"),
    ],
)
def test_one_path_is_written_in_one_way(scope: dict[str, Any], path: str) -> None:
    assert sent(scope) == path
