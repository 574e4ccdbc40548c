"""Functions in a real Node.js, against a Hyperline where one customer is known, at noon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.app import Options, Sandbox, create_app
from sandbox.functions.book import Subject
from sandbox.functions.gate import Gate
from sandbox.functions.node import Node, NoNode, find
from sandbox.functions.outcome import Outcome
from sandbox.functions.runner import Runner
from sandbox.functions.source import Source
from sandbox.functions.trial import Result, Trial

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
KNOWN = {"vendor": "hyperline", "method": "POST", "path": "/v1/customers"}
ACME = {**KNOWN, "json": {"name": "Acme", "external_id": "acme"}}
SEND = """
async function send(usage, settings, url = 'https://ingest.hyperline.co/v1/events') {
  return fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${settings.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(usage),
  })
}
function usage(event, more) {
  return {
    customer_id: event.userId, event_type: event.event, timestamp: event.timestamp,
    record: { id: event.messageId, ...more },
  }
}
"""


def track(message: str = "m-1", **more: Any) -> dict[str, Any]:
    at = "2026-01-15T11:59:00.000Z"
    event = {"type": "track", "event": "api_call", "userId": "acme", "timestamp": at}
    return {**event, "messageId": message, "properties": {}, **more}


def on_track(body: str) -> str:
    """A function whose onTrack has this body, beside `send` and `usage`."""
    return f"{SEND}\nasync function onTrack(event, settings) {{\n{body}\n}}"


@dataclass
class Bench:
    """Tries functions; `sandbox` keeps what the last of them did."""

    node: Node
    folder: Path
    sandbox: Sandbox = field(init=False)
    late: list[str] = field(default_factory=list)

    def results(
        self,
        text: str,
        *events: dict[str, Any],
        stage: list[dict[str, Any]] | None = None,
        settings: dict[str, Any] | None = None,
        timeout: float = 30.0,
        loading: float = 30.0,
        **options: Any,
    ) -> list[Result]:
        self.sandbox = create_app(
            Options(vendors=["hyperline", "kana", "orb", "segment"], source=lambda: NOW)
        )
        source = Source("function.js", text, self.folder)
        subjects = [Subject(f"events:{n}", "$", e) for n, e in enumerate(events or [track()], 1)]
        given = {"apiKey": "test_demo", **(settings or {})}

        async def tried() -> list[Result]:
            async with Gate(self.sandbox, [ACME, *(stage or [])]) as gate:
                runner = Runner(self.node, source, gate.carry, timeout=timeout, loading=loading)
                try:
                    handlers = await runner.load()
                    trial = Trial(runner, handlers, given, seconds=timeout, **options)
                    return [result async for result in trial.results(subjects)]
                finally:
                    await runner.stop()
                    self.late = runner.late

        return asyncio.run(tried())

    def one(self, text: str, *events: dict[str, Any], **options: Any) -> tuple[Outcome, Result]:
        """The outcome of a single event, and everything else of it."""
        (result,) = self.results(text, *events, **options)
        return result.outcomes[0], result

    def each(self, bodies: Mapping[str, str], **options: Any) -> dict[str, Result]:
        """What became of an event with each of these bodies for onTrack; one process runs all."""
        entries = [
            f"{json.dumps(name)}: async (event, settings) => {{\n{body}\n}}"
            for name, body in bodies.items()
        ]
        text = f"const bodies = {{{','.join(entries)}}}\n" + on_track(
            "return bodies[event.properties.body](event, settings)"
        )
        events = [track(f"m-{n}", properties={"body": name}) for n, name in enumerate(bodies)]
        return dict(zip(bodies, self.results(text, *events, **options), strict=True))

    def billed(self) -> list[tuple[str | None, str | None, Any]]:
        """Customer, meter and quantity of all that would be billed."""
        return [
            (total.customer, total.meter, total.quantity)
            for account in self.sandbox.accounts
            for total in account.ledger.totals()
        ]


@pytest.fixture(scope="session")
def node() -> Node:
    try:
        return find()
    except NoNode as fault:
        pytest.skip(str(fault))


@pytest.fixture
def bench(node: Node, tmp_path: Path) -> Bench:
    return Bench(node, tmp_path)
