"""An exchange as something to try again: a command, a test, a contract case. No secret is in it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pprint import pformat
from typing import Any

import orjson

from contracts.model import Auth
from sandbox import view
from sandbox.account import Account
from sandbox.auth import credential, redacted
from sandbox.excerpt import shallow
from sandbox.journal import Exchange
from sandbox.page.words import happened

__all__ = ["copies"]

KEY = "$API_KEY"
WRONG = "bad_key"
"""In the place of a key that is nobody's."""
DEEPEST = 60
LONGEST = 50_000
"""Characters of a body that is copied; a larger one is in its file."""
SAID = re.compile(r"content-type|idempotency-key|accept|x-.+", re.I)
"""Headers that may mean something to a vendor, beside the credential."""
UNSAID = re.compile(r"x-(meterbox|forwarded|real|request)-.+|accept", re.I)
GLOBS = re.compile(r"[][{}]")
FEW = 10


@dataclass(frozen=True)
class Asked:
    """A request without its secrets. `scheme` is how its key was shown, if any was."""

    told: Exchange
    of: Account
    whole: Mapping[str, Any]
    scheme: str
    body: str
    """The key, where it is in the body, is `$API_KEY` there."""

    @property
    def headers(self) -> dict[str, str]:
        """Those that mean something, without the credential."""
        carrying = self.scheme.partition(":")[2] if self.scheme.startswith("header") else None
        return {
            name: value
            for name, value in self.whole["request"]["headers"].items()
            if SAID.fullmatch(name) and not UNSAID.fullmatch(name) and name != carrying
        }

    @property
    def where(self) -> str:
        """Path and query."""
        path, query = (self.whole["request"][name] for name in ("path", "query"))
        return f"{path}?{query}" if query else f"{path}"

    @property
    def json(self) -> Any:
        """The body as JSON, or None."""
        return _document(self.body)


def copies(told: Exchange, whole: Mapping[str, Any], of: Account, url: str) -> dict[str, str]:
    """`curl`, `pytest` and `case`, as text each."""
    endpoint = None if told.endpoint is None else of.room.contract.endpoint(told.endpoint)
    own = endpoint.auth if endpoint is not None else None
    body = view.body(told, of, "request")
    short = body[:LONGEST].replace(redacted(of.key), KEY) if of.key else body[:LONGEST]
    asked = Asked(told, of, whole, _scheme(told, own or of.room.contract.auth), short)
    return {"curl": _curl(asked, url), "pytest": _pytest(asked), "case": _case(asked)}


def _document(text: str) -> Any:
    """A text as JSON; None where it is none, or is nested deeper than Python reads and writes."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if shallow(value, DEEPEST) == value else None


def _scheme(told: Exchange, auth: Auth) -> str:
    """By which of the vendor's schemes the key was shown; nothing where none was."""
    for scheme in auth.schemes:
        asked = replace(told.request)
        if credential(asked, replace(auth, schemes=(scheme,))).problem != "missing":
            return scheme
    return ""


def _curl(asked: Asked, url: str) -> str:
    lines = [f"curl {_quoted(f'{url}/{asked.told.vendor}{asked.where}')}"]
    if GLOBS.search(asked.where):
        lines.append("--globoff")  # or curl takes brackets for many addresses
    if asked.told.request.method != ("POST" if asked.body else "GET"):
        lines.append(f"-X {shlex.quote(asked.told.request.method)}")
    if asked.scheme == "basic":
        lines.append(f'-u "{KEY}:"')
    elif asked.scheme and not asked.scheme.startswith("body"):
        name, value = _header(asked.scheme, KEY)
        lines.append(f'-H "{name}: {value}"')
    lines += [f"-H {_quoted(f'{name}: {value}')}" for name, value in asked.headers.items()]
    if len(asked.body) >= LONGEST:
        lines.append(f"--data-binary @{asked.told.id}-request.txt")
    elif asked.body:
        lines.append(f"--data-raw {_quoted(asked.body)}")
    return " \\\n  ".join(lines)


def _header(scheme: str, key: str) -> tuple[str, str]:
    kind, _, name = scheme.partition(":")
    if kind == "header":
        return name, key
    return "authorization", f"Bearer {key}" if kind == "bearer" else key


def _quoted(text: str) -> str:
    """A word for a shell in which the key alone is put in by the shell."""
    parts = [shlex.quote(part) if part else "" for part in text.split(KEY)]
    return f'"{KEY}"'.join(parts)


def _pytest(asked: Asked) -> str:
    vendor, told = asked.told.vendor, asked.told
    lines = ["import httpx", "", "", f"def test_{_name(asked)}({vendor}):"]
    lines += ["    # As it was sent; what the account had before is not part of it."]
    lines += ["    answer = httpx.request(", f"        {json.dumps(told.request.method)},"]
    lines += [f'        f"{{{vendor}.url}}{_braced(asked.where)}",']
    headers = dict(asked.headers)
    if asked.scheme == "basic":
        key = f"{vendor}.api_key" if asked.of.key else repr(WRONG)
        lines += [f'        auth=({key}, ""),']
    elif asked.scheme and not asked.scheme.startswith("body"):
        name, value = _header(asked.scheme, KEY if asked.of.key else WRONG)
        headers = {name: value, **headers}
    lines += [f"        headers={_python(headers, vendor)},"] if headers else []
    lines += _content(asked)
    lines += ["    )"]
    return "\n".join([*lines, *_asserted(asked)]) + "\n"


def _braced(text: str) -> str:
    return json.dumps(text)[1:-1].replace("{", "{{").replace("}", "}}")


def _content(asked: Asked) -> list[str]:
    vendor = asked.told.vendor
    if len(asked.body) >= LONGEST:
        return [f'        content=open("{asked.told.id}-request.txt", "rb").read(),']
    if not asked.body:
        return []
    value = asked.json
    name, given = ("content", asked.body) if value is None else ("json", value)
    text = _python(given, vendor).replace("\n", "\n        ")
    return [f"        {name}={text},"]


def _python(value: Any, vendor: str) -> str:
    """A value as Python; a text that is or holds the key takes it from the account."""
    text = pformat(value, width=84, sort_dicts=False)
    text = text.replace(f"'{KEY}'", f"{vendor}.api_key")
    return text.replace(f"'Bearer {KEY}'", f'f"Bearer {{{vendor}.api_key}}"')


def _name(asked: Asked) -> str:
    endpoint = asked.told.endpoint or "nothing"
    words = f"{endpoint}_is_{asked.told.verdict}".lower()
    return re.sub(r"\W+", "_", words)


def _asserted(asked: Asked) -> list[str]:
    vendor, told = asked.told.vendor, asked.told
    lines = [f"    assert answer.status_code == {told.reply.status}"]
    if not asked.of.key:
        return lines  # it is in no account's journal
    rules = dict.fromkeys(found["rule"] for found in asked.whole["findings"])
    lines += [f'    {vendor}.assert_violation("{rule}")' for rule in rules]
    if told.verdict == "refused" and not rules:
        lines += [f"    assert {vendor}.exchanges[-1].status == {told.reply.status}"]
    effects = asked.whole["effects"]
    if told.verdict == "accepted" and len(effects) <= FEW:
        names = [effect["event"] for effect in effects]
        lines += [f"    assert [one.event for one in {vendor}.events] == {names!r}"]
    return lines


def _case(asked: Asked) -> str:
    """As the contract cases are written: whoever runs them brings the key."""
    told, contract = asked.told, asked.of.room.contract
    request: dict[str, Any] = {
        "method": told.request.method,
        "path": asked.whole["request"]["path"],
    }
    request |= {"query": told.request.query} if told.request.query_string else {}
    request |= {"headers": asked.headers} if asked.headers else {}
    if asked.body:
        value = asked.json
        request |= {"text": asked.body} if value is None else {"json": value}
    response: dict[str, Any] = {"status": told.reply.status}
    answered = asked.whole["response"]["body"]
    value = _document(answered)
    if value is not None or answered == "null":
        response["json"] = value
    else:
        response |= {"text": answered} if answered else {}
    found = asked.whole["findings"]
    rules = dict.fromkeys(one["rule"] for one in found)
    if not rules and told.endpoint is not None:
        rules = dict.fromkeys([contract.endpoint(told.endpoint).rule])
    case = {
        "description": f"{happened(asked.whole, contract)}: {told.verdict}.",
        "rules": list(rules),
        "request": request,
        "response": response,
        "findings": [{"path": one["path"], "rule": one["rule"]} for one in found],
    }
    return json.dumps(case, indent=2)
