"""Amberflo's edge: endpoints to decisions, decisions to answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contracts.model import Contract, Violation
from contracts.schema import Schema
from sandbox.amberflo import customers, errors, paging
from sandbox.amberflo.ingestion import Ingest, count
from sandbox.amberflo.objections import forgiven, ingests_rest, within
from sandbox.amberflo.records import read
from sandbox.amberflo.rules import State
from sandbox.amberflo.salvage import salvage
from sandbox.room import Room

__all__ = ["create_room"]


def create_room(contract: Contract) -> Room:
    tidy = json.loads((contract.folder / "schemas" / "tidy.json").read_text(encoding="utf-8"))
    return Room(
        contract,
        state=State,
        operations={
            "ingest": Ingest(Schema("tidy", tidy)),
            "create-customer": customers.create,
            "replace-customer": customers.replace,
            "list-customers": customers.listed,
            "page-customers": paging.page,
            "stage-customer": customers.stage,
            "reinstate-customer": customers.reinstate,
            "fetch-customer": customers.fetch,
            "delete-customer": customers.delete,
        },
        words=errors,
        readers={"ingest": read},
        events=count,
        salvage=salvage,
        waives=_waives,
    )


def _waives(violation: Violation, settings: Mapping[str, Any]) -> bool:
    """What goes on in spite of a departure: what is forgiven, and lists without one record."""
    alone = ingests_rest(settings) and within(violation.path) is not None
    return alone or forgiven(violation, settings)
