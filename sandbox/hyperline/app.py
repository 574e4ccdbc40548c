"""Hyperline's edge: the ingest host and the core host behind one door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from contracts.model import Contract, Violation
from sandbox.hyperline import (
    aggregators,
    companies,
    customers,
    dashboard,
    deletion,
    endpoints,
    errors,
    events,
    listing,
    messages,
    prices,
    reading,
    webhooks,
)
from sandbox.hyperline.dressing import dress
from sandbox.hyperline.leniency import waives
from sandbox.hyperline.salvage import count, lost, salvage
from sandbox.hyperline.shelves import shelves
from sandbox.hyperline.state import State
from sandbox.idempotency import Policy, once
from sandbox.reply import Decision, Refusal
from sandbox.room import Call, Operation, Room

__all__ = ["create_room"]

IDEMPOTENCY = Policy(
    rule="hyperline.idempotency",
    kept=timedelta(hours=24),
    misused=errors.misused_key,
    busy=errors.in_flight,
    busy_rule="hyperline.idempotency.in-flight",
)
INGESTION = replace(IDEMPOTENCY, switch="hyperline.idempotency.ingest")

INGEST: Mapping[str, Operation] = {
    "ingest": partial(prices.ingest, status=201),
    "ingest-v2": partial(prices.ingest, status=202),
    "ingest-batch": partial(events.ingest_batch, status=201, created="events_created"),
    "ingest-batch-v2": partial(events.ingest_batch, status=202, created="events_accepted"),
    "ingest-with-prices": prices.calculate,
    "simulate-prices": prices.simulate,
}
CORE: Mapping[str, Operation] = {
    "create-customer": customers.create,
    "create-customers": customers.create_batch,
    "update-customer": customers.update,
    "archive-customer": customers.archive,
    "unarchive-customer": customers.unarchive,
    "create-aggregator": aggregators.create,
    "update-aggregator": aggregators.update,
    "create-webhook-endpoint": endpoints.create,
    "update-webhook-endpoint": endpoints.update,
}
"""What minds its Idempotency-Key (rule hyperline.idempotency); the ingest host does by switch."""

OTHERS: Mapping[str, Operation] = {
    "list-events": reading.list_all,
    "list-prices": prices.list_all,
    "list-customers": listing.list_v1,
    "list-customers-v2": listing.list_v2,
    "fetch-customer-portal": customers.portal,
    "fetch-customer": partial(customers.fetch, version=1),
    "fetch-customer-v2": partial(customers.fetch, version=2),
    "delete-customer": customers.delete,
    "list-companies": companies.list_all,
    "list-aggregators": aggregators.list_all,
    "fetch-aggregator": aggregators.fetch,
    "delete-aggregator": aggregators.delete,
    "list-webhook-endpoints": endpoints.list_all,
    "fetch-webhook-endpoint": endpoints.fetch,
    "delete-webhook-endpoint": endpoints.delete,
    "list-webhook-messages": messages.list_all,
}


def create_room(contract: Contract) -> Room:
    return Room(
        contract,
        state=State,
        operations={
            **{name: once(_json_only(write), INGESTION) for name, write in INGEST.items()},
            **{name: once(_json_only(write), IDEMPOTENCY) for name, write in CORE.items()},
            "delete-events": _json_only(deletion.delete),
            **OTHERS,
        },
        words=errors,
        webhooks=webhooks,
        dashboard=dashboard.FUNCTIONS,
        events=count,
        salvage=salvage,
        waives=waives,
        dress=dress,
        shelves=shelves,
    )


def _json_only(operation: Operation) -> Operation:
    """The operation, refusing what does not call itself JSON (rule hyperline.body.content-type)."""

    def decide(call: Call) -> Decision:
        media = (call.request.header("content-type") or "").partition(";")[0].strip().lower()
        rule = "hyperline.body.content-type"
        strict = call.endpoint.request is not None and call.setting(rule) == "json"
        if strict and media != "application/json":
            why = f"Content-Type is {media or 'missing'}; the body is read as application/json only"
            finding = Violation("$", why, media or None, rule)
            effects = lost(call.body, call.endpoint, rule)
            raise Refusal(errors.invalid([finding]), [finding], effects)
        return operation(call)

    return decide
