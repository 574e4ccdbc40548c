"""The floor that ingestion is measured against: parse, validate, keep the keys, and no more."""

import sys
from typing import Any

import jsonschema_rs
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.reader import read
from sandbox.server import Server, listen


def app() -> Starlette:
    schema: Any = read("orb").endpoint("ingest").request
    valid = jsonschema_rs.Draft202012Validator(schema.document, validate_formats=True).is_valid
    seen: dict[str, bool] = {}

    async def ping(_: Request) -> Response:
        return Response(b'{"response":"pong"}', media_type="application/json")

    async def ingest(request: Request) -> Response:
        body = orjson.loads(await request.body())
        if not valid(body):
            return Response(status_code=400)
        for event in body["events"]:
            seen[event["idempotency_key"]] = True
        return Response(b'{"validation_failed":[]}', media_type="application/json")

    return Starlette(
        routes=[
            Route("/orb/v1/ingest", ingest, methods=["POST"]),
            Route("/orb/v1/ping", ping),
        ]
    )


if __name__ == "__main__":
    Server(app(), alone=True).run(sockets=[listen("127.0.0.1", int(sys.argv[1]))])
