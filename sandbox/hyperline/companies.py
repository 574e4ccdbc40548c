"""Hyperline's companies: what a key gives access to, which here is one."""

from __future__ import annotations

from random import Random
from typing import Any

from sandbox.account import ALPHABET
from sandbox.hyperline.listing import taken
from sandbox.reply import Decision
from sandbox.room import Call

__all__ = ["list_all"]


def list_all(call: Call) -> Decision:
    """GET /v1/companies (rule hyperline.companies)."""
    # Not one of the account's ids: asking must not change what the API answers.
    chance = Random(f"{call.account.origin.seed}:company")
    company: dict[str, Any] = {
        "id": "cou_" + "".join(chance.choices(ALPHABET, k=14)),
        "name": "meterbox",
        "logo_url": None,
        "favicon_url": None,
        "address": None,
    }
    return taken(call, [company], "hyperline.companies")
