"""A credential is looked for where the vendor looks, and never told in full."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import credentials
from contracts.model import Auth
from contracts.reader import read, vendors
from sandbox.auth import Credential, credential, handle, redacted
from sandbox.reply import Request

AUTH = Auth(("bearer", "header:x-api-key", "basic", "raw", "body:key", "body:list.0.key"))


def found(body: Any = None, auth: Auth = AUTH, **headers: Any) -> Credential:
    raw = b"" if body is None else orjson.dumps(body)
    named = {k.replace("_", "-").encode(): v.encode("latin-1") for k, v in headers.items()}
    return credential(Request("POST", "/", headers=named, body=raw), auth)


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer k1"},
        {"authorization": "bearer   k1 "},
        {"x_api_key": "k1"},
        {"authorization": basic(b"k1:")},
        {"authorization": basic(b"k1:secret")},
        {"authorization": basic(b"k1")},
        {"authorization": "k1"},
    ],
)
def test_a_key_is_found_by_each_scheme(headers: dict[str, Any]) -> None:
    assert found(**headers) == Credential("k1")


@pytest.mark.parametrize("body", [{"key": "k1"}, {"list": [{"key": "k1"}]}])
def test_a_key_is_found_inside_the_body(body: Any) -> None:
    assert found(body) == Credential("k1")


def test_the_first_scheme_that_finds_one_wins() -> None:
    assert found({"key": "k3"}, authorization="Bearer k1", x_api_key="k2").key == "k1"
    assert found({"key": "k3"}, x_api_key="k2").key == "k2"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (None, {}),
        (None, {"authorization": ""}),
        (None, {"authorization": "Bearer"}),
        (None, {"authorization": "Bearer  "}),
        (None, {"authorization": "Basic %%%"}),
        (None, {"authorization": basic(b"\xff\xfe:")}),
        (None, {"authorization": basic(b":password")}),
        (None, {"x_api_key": ""}),
        ({"key": 7}, {}),
        ({"key": ""}, {}),
        ({"list": []}, {}),
        ({"list": {"0": {"key": 7}}}, {}),
        (["key"], {}),
    ],
)
def test_without_one_it_is_missing(body: Any, headers: dict[str, Any]) -> None:
    assert found(body, **headers) == Credential("", "missing")


@pytest.mark.parametrize("raw", [b"", b"{", b'{"key": "\xff"}', b'{"key":"a","key":"b"}'])
def test_a_body_that_cannot_be_read_holds_no_key(raw: bytes) -> None:
    assert credential(Request("POST", "/", body=raw), AUTH).problem == "missing"


@pytest.mark.parametrize("name", ["bad_", "bad_one"])
def test_a_bad_key_is_always_refused(name: str) -> None:
    shaped = Auth(("bearer",), template="ak_{name}", pattern="ak_.+")
    assert found(auth=shaped, authorization=f"Bearer ak_{name}").problem == "refused"
    assert found(auth=shaped, authorization=f"Bearer {name}").problem == "refused"


@pytest.mark.parametrize("key", ["k1", "ak_", "ak_ü", "ak_a b", "ak_" + "x" * 10_000 + "!"])
def test_a_key_of_another_shape_is_told_apart(key: str) -> None:
    shaped = Auth(("bearer",), pattern=r"ak_[a-z]+")
    assert found(auth=shaped, authorization=f"Bearer {key}").problem == "shape"


@given(st.text())
def test_a_handle_tells_nothing_of_the_key_and_is_always_the_same(key: str) -> None:
    told = handle(key)
    assert told == handle(key)
    assert told == "anonymous" if not key else len(told) == 10


@given(st.text(st.characters(exclude_characters="…()"), min_size=4))
def test_a_redacted_key_is_not_the_key(key: str) -> None:
    assert key not in redacted(key)
    assert len(redacted(key).partition("…")[0]) <= max(8, len(key) // 3)


def test_no_key_is_redacted_to_none() -> None:
    assert redacted("") == "(none)"


@pytest.mark.parametrize("vendor", vendors())
def test_a_vendors_own_client_headers_are_accepted_by_its_own_schemes(vendor: str) -> None:
    contract = read(vendor)
    key = contract.key("somebody")
    shown = {
        k.lower().encode(): v.encode() for k, v in credentials.headers(contract.auth, key).items()
    }
    assert credential(Request("POST", "/", headers=shown), contract.auth) == Credential(key)


@pytest.mark.parametrize("vendor", vendors())
def test_a_vendors_bad_key_is_refused(vendor: str) -> None:
    contract = read(vendor)
    key = contract.key("bad_one")
    shown = {
        k.lower().encode(): v.encode() for k, v in credentials.headers(contract.auth, key).items()
    }
    assert credential(Request("POST", "/", headers=shown), contract.auth).problem == "refused"
