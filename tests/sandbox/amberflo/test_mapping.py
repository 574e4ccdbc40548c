"""What the mapping sends, the room takes and bills."""

import json
from pathlib import Path

import pytest

import fixtures
from contracts.model import Violation

FOLDER = Path(fixtures.__path__[0]) / "amberflo" / "golden"
SENT = {
    file.stem: request
    for file in sorted(FOLDER.glob("*.json"))
    for request in json.loads(file.read_text()).get("requests", [])
}


def findings(desk) -> list[Violation]:
    (exchange,) = desk.account.journal.after(0)
    return list(exchange.findings)


@pytest.mark.parametrize("name", SENT)
def test_a_golden_request_is_taken(desk, name):
    request = SENT[name]
    response = desk.ask(request["method"], request["path"], json=request["body"])
    assert response.status_code == 200
    told = {finding.rule for finding in findings(desk)}
    expected = {"amberflo.ingest.dimension-characters"} if name == "dimensions-length" else set()
    assert told == expected


@pytest.mark.parametrize("name", [n for n, r in SENT.items() if r["path"] == "/ingest"])
def test_a_golden_record_is_billed_once_however_often_it_is_sent(desk, name):
    body = SENT[name]["body"]
    customer = {"customerId": body["customerId"], "customerName": "Acme"}
    desk.ask("PUT", "/customers", json=customer)
    for _ in range(3):
        desk.ask("POST", "/ingest", json=body)
    assert desk.billed() == {(body["customerId"], body["meterApiName"]): body["meterValue"]}
