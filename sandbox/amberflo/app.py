"""Amberflo's edge: endpoints to decisions, decisions to answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from contracts.model import Contract, Endpoint
from contracts.schema import Schema
from sandbox.amberflo import customers, errors, meters, paging, raw, schemas, usage
from sandbox.amberflo.custom import wanted
from sandbox.amberflo.formats import parsed
from sandbox.amberflo.ingestion import Ingest, count
from sandbox.amberflo.objections import waived
from sandbox.amberflo.rules import State
from sandbox.amberflo.salvage import salvage
from sandbox.amberflo.shelves import shelves
from sandbox.body import content
from sandbox.reply import Request
from sandbox.room import Operation, Room

__all__ = ["create_room"]


OPERATIONS: Mapping[str, Operation] = {
    "create-customer": customers.create,
    "replace-customer": customers.replace,
    "list-customers": customers.listed,
    "page-customers": paging.page,
    "stage-customer": customers.stage,
    "reinstate-customer": customers.reinstate,
    "fetch-customer": customers.fetch,
    "delete-customer": customers.delete,
    "store-ingest-schema": schemas.store,
    "list-ingest-schemas": schemas.listed,
    "fetch-ingest-schema": schemas.fetch,
    "delete-ingest-schema": schemas.delete,
    "create-meter": meters.create,
    "update-meter": meters.update,
    "list-meters": meters.listed,
    "fetch-meter": meters.fetch,
    "delete-meter": meters.delete,
    "query-usage": usage.one,
    "query-usage-batch": usage.many,
    "query-usage-sparse": usage.sparse,
    "query-usage-sparse-batch": usage.many_sparse,
    "query-usage-all": usage.every,
    "list-usage-events": raw.events,
}


def create_room(contract: Contract) -> Room:
    return Room(
        contract,
        state=State,
        operations={"ingest": Ingest(_tidy(contract.folder)), **OPERATIONS},
        words=errors,
        dashboard={"declare-ingest-schema": schemas.declare},
        readers={"ingest": _records},
        events=count,
        salvage=salvage,
        waives=waived,
        unbound=_custom,
        shelves=shelves,
    )


@cache
def _tidy(folder: Path) -> Schema:
    """The schema of records about which there is nothing to remark; compiled once."""
    file = folder / "schemas" / "tidy.json"
    return Schema("tidy", json.loads(file.read_text(encoding="utf-8")))


def _records(request: Request) -> Any:
    """The body as records. Raises Unreadable."""
    return parsed(content(request), custom=wanted(request) is not None)


def _custom(request: Request, endpoint: Endpoint) -> bool:
    """Records of a custom schema are held to the default one once they are read by theirs."""
    return endpoint.name == "ingest" and wanted(request) is not None
