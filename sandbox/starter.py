"""A meterbox.toml to start from, written for the vendors there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.reader import read
from sandbox.wiring import local
from translators.mapping import translated_vendors

__all__ = ["example"]

HEAD = """\
# Every key is optional; what stands here without a # is what you get anyway.

[server]
host = "127.0.0.1"
port = 4020               # 0 picks a free one
seed = 0                  # the same seed gives the same identifiers
profile = "faithful"      # "contract" checks requests against the contract only
# token = "change-me"     # needed when host is not loopback
# data_dir = "data"       # keeps every account over restarts
# vendors = ["vendors"]   # folders with more vendors
# webhook_hosts = ["hooks.test"]  # may be sent webhooks, beside this machine

[forwarding]
concurrency = 8           # requests of one source key under way at one destination
backoff_scale = 1.0       # 0.001 makes Segment's four hours 14 seconds

[sandbox.settings]
# `meterbox rules` lists the rules that have a switch.
"""


def example() -> str:
    """A file that says what holds without one, and shows the rest as comments."""
    vendors = [read(vendor) for vendor in translated_vendors()]
    switches = [f"# {_entry(rule, value)}" for v in vendors for rule, value in _first(v.defaults)]
    blocks = [_destination(v.vendor, v.hosts) for v in vendors]
    late = [(v.vendor, one.oldest) for v in vendors for one in v.layouts if one.oldest]
    gate = _gate(*late[0]) if late else ""
    return "\n".join([HEAD + "".join(f"{switch}\n" for switch in switches), *blocks, gate])


def _first(entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from list(entries.items())[:1]


def _destination(vendor: str, hosts: tuple[str, ...]) -> str:
    lines = [
        f"[destinations.{vendor}]",
        "enabled = true",
        f'# base_url = "https://{hosts[0]}"' if hosts else '# base_url = "https://..."',
        f'# api_key_file = "{vendor}.key"',
    ]
    settings = local(vendor)
    if settings:
        lines += ["# In the sandbox; elsewhere say your own:", f"# {_entry('settings', settings)}"]
    return "\n".join(lines) + "\n"


def _gate(vendor: str, late: str) -> str:
    """What a run must show before a vendor that has a rule on late events is gone live with."""
    rules = json.dumps([late])
    lines = [
        f"[ready.{vendor}]         # and so on, for each vendor that is gone live with",
        f"# expected = {rules}  # broken on purpose; what is refused so is let go",
        '# waived = {throttling = "why"}     # a question or a rule, and the reason',
        'assumptions = "tell"     # "refuse" says no where no public source states a rule',
        f"# trusted = {rules}   # assumed here, and tried at the vendor",
        "# coverage = {endpoints = 10, fields = 5, rules = 5, error-answers = 5, faults = 5}",
    ]
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any) -> str:
    """`name = value` in TOML; a JSON text is a TOML text."""
    return f"{_name(name)} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(_entry(name, entry) for name, entry in value.items()) + "}"
    return json.dumps(value)


def _name(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else json.dumps(name)
