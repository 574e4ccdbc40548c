"""Hyperline's official command line client, unmodified, against a real socket; needs Node.js."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.acts import perform
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import Fault
from sandbox.server import Running
from tests.running import NODE

HERE = Path(__file__).parent / "hyperline_cli"
PROGRAM = HERE / "node_modules" / "@hyperline" / "cli" / "dist" / "bin" / "hyperline.js"
MAIN = PROGRAM.with_name("hyperline-main.js")
pytestmark = pytest.mark.skipif(
    NODE is None or not PROGRAM.is_file(), reason="needs Node.js 20 or later, and: make node"
)
TIME = "2026-01-15T10:00:00.000Z"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(vendors=["hyperline"]))


@pytest.fixture(scope="module")
def url(house: Sandbox) -> Iterator[str]:
    with Running(house) as server:
        yield f"{server.url}/hyperline"


@pytest.fixture
def account(house: Sandbox) -> Account:
    return house.accounts.open("hyperline", f"test_{uuid.uuid4().hex}")


class Again:
    """The client in one process, in which it runs anew for each line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, words: list[str], typed: str, home: Path) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": words, "typed": typed, "home": str(home)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, told["code"], told["stdout"], told["stderr"])


def environment(home: Path) -> dict[str, str]:
    assert NODE is not None
    # Newer versions of Node.js than the client is for have warnings.
    return {"HOME": str(home), "PATH": str(Path(NODE).parent), "NODE_NO_WARNINGS": "1"}


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Again]:
    """To load what it imports takes five times as long as all that it does."""
    env = environment(tmp_path_factory.mktemp("home"))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [str(NODE), "again.mjs", str(MAIN)], cwd=HERE, env=env, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield Again(process)


@pytest.fixture
def words(url: str, account: Account) -> list[str]:
    return ["--base-url", url, "--api-key", account.key, "--output", "json"]


@pytest.fixture
def run(words: list[str], again: Again, tmp_path: Path) -> Ask:
    """The client, with a home of its own."""

    def ran(*more: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return again.run([*words, *more], typed, tmp_path)

    return ran


@pytest.fixture
def ask(run: Ask) -> Ask:
    """What the client prints, which must go well; nothing where the answer has no body."""

    def asked(*words: str, typed: str = "") -> Any:
        done = run(*words, typed=typed)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return asked


@pytest.fixture
def acme(url: str, account: Account) -> None:
    """A customer, made without the client: each of its calls takes a second or two."""
    headers = {"authorization": f"Bearer {account.key}"}
    made = httpx.post(f"{url}/v1/customers", json={"external_id": "acme"}, headers=headers)
    assert made.status_code == 201


def event(id: str, **record: Any) -> dict[str, Any]:
    return {
        "customer_id": "acme",
        "event_type": "api_call",
        "timestamp": TIME,
        "record": {"id": id, **record},
    }


def send(id: str) -> tuple[str, ...]:
    """The words that send one event."""
    of = ("--customer-id", "acme", "--event-type", "api_call", "--timestamp", TIME)
    return ("events", "send", *of, "--record", json.dumps({"id": id, "size": 1}))


def billed(account: Account) -> dict[str, int]:
    return {str(total.meter): total.events for total in account.ledger.totals()}


def statuses(account: Account) -> list[int]:
    return [exchange.reply.status for exchange in account.journal.after(0)]


def test_events_are_sent_batched_listed_and_deleted(ask: Ask, account: Account) -> None:
    made = ask("customers", "create-customer", "--name", "Acme", "--external-id", "acme")
    assert ask(*send("1")) == ""
    batch = [event("1", size=2), *(event(id) for id in "2345")]
    told = ask("events", "send-batch", "--events", json.dumps(batch))
    assert told == {"events_created": batch, "events_failed": []}
    assert billed(account) == {"api_call": 5}

    listed = ask("events", "list", "--event-type", "api_call", "--record-id-in", "1,3")
    assert listed["meta"] == {"total": 2, "taken": 2, "skipped": 0}
    assert [row["record"] for row in listed["data"]] == [{"id": "3"}, {"id": "1", "size": 2}]

    delete = ("events", "delete", "--matching")
    assert ask(*delete, "record_ids", "--record-ids", "1,2,nobody") == 2
    assert billed(account) == {"api_call": 3}
    assert ask(*delete, "customer_id", "--customer-id", made["id"]) == 3
    assert billed(account) == {}
    fates = [(e.usage.event, e.outcome) for e in account.ledger.entries()]
    assert fates[0] == ("api_call/1", "accepted")
    assert ("api_call/1", "updated") in fates[1:6]
    assert fates[6:] == [(f"api_call/{id}", "removed") for id in "12345"]


def test_what_asks_first_deletes_when_told_yes(ask: Ask, acme: None, account: Account) -> None:
    delete = ("events", "delete", "--matching")
    assert ask(*delete, "event_type", "--event-type", "api_call", typed="y\n") == 0
    assert ask(*delete, "all", typed="y\n") == 0
    sent = [json.loads(exchange.request.body) for exchange in account.journal.after(1)]
    assert sent == [{"matching": "event_type", "event_type": "api_call"}, {"matching": "all"}]


def test_prices_are_simulated_calculated_and_looked_up(
    ask: Ask, acme: None, account: Account
) -> None:
    group = {"name": "calls", "event_type": "api_call", "unit_price": "0.5", "tax_rate": 20}
    perform(
        account,
        "dashboard",
        {"name": "declare-price-group", "arguments": group},
        account.clock.now(),
    )
    record = ("--event-type", "api_call", "--record", json.dumps({"id": "1"}))
    [price] = ask("events", "simulate-prices", *record)["result"]
    assert (price["amount_excluding_tax"], price["total_amount"]) == (0.5, None)
    assert billed(account) == {}
    of = ("--customer-id", "acme", "--timestamp", TIME, "--include-tax")
    told = ask("events", "calculate-prices", *record, *of)
    assert (told["result"][0]["tax_amount"], billed(account)) == (0.1, {"api_call": 1})
    [again] = ask("events", "get-prices", "--calculation-id", told["id"])
    assert (again["id"], again["result"][0]["record"]) == (told["id"], {"id": "1"})


def test_a_429_is_waited_out_as_long_as_it_says(ask: Ask, acme: None, account: Account) -> None:
    account.faults.add(Fault("status", status=429, retry_after=2))
    assert ask(*send("1")) == ""
    _, refused, taken = account.journal.after(0)
    assert (refused.reply.status, refused.reply.media, refused.reply.body) == (
        429,
        "text/plain",
        b"Too many requests",
    )
    assert (b"retry-after", b"2") in refused.reply.headers
    assert taken.reply.status == 201
    assert taken.at - refused.at >= timedelta(seconds=2)
    assert billed(account) == {"api_call": 1}


def test_an_event_sent_again_for_want_of_an_answer_is_billed_once(
    ask: Ask, acme: None, account: Account
) -> None:
    account.faults.add(Fault("lost-reply"))
    ask(*send("1"))
    fates = [entry.outcome for entry in account.ledger.entries()]
    assert (statuses(account), fates) == ([201, 201, 201], ["accepted", "updated"])
    assert billed(account) == {"api_call": 1}


def test_a_refusal_is_shown_in_the_vendors_words(run: Ask, account: Account) -> None:
    done = run(*send("1"))
    told = json.loads(done.stderr)
    assert done.returncode == 1
    assert (told["statusCode"], told["message"]) == (400, "Customer not found")
    assert billed(account) == {}


def test_customers_live_their_whole_life(ask: Ask, account: Account) -> None:
    batch = [{"batch_customer_id": n, "name": n, "external_id": n} for n in ("acme", "globex")]
    made = ask("customers", "create-customers", "--customers", json.dumps(batch))
    assert [one["batch_customer_id"] for one in made["successes"]] == ["acme", "globex"]
    one = ("--id", made["successes"][0]["id"])
    ask("customers", "update", *one, "--currency", "EUR", "--custom-properties", '{"tier": 1}')
    found = ask("customers", "list", "--currency.equals", "EUR", "--include-total", "true")
    assert (found["total"], found["data"][0]["custom_properties"]) == (1, {"tier": 1})
    assert ask("customers", "archive", *one)["status"] == "archived"
    assert ask("customers", "delete", *one, "--yes") == ""
    assert [c["external_id"] for c in account.state.customers.values()] == ["globex"]


def test_webhook_endpoints_are_kept_and_their_messages_listed(
    ask: Ask, account: Account, acme: None
) -> None:
    types = ("--event-types", '["customer.created", "customer.updated"]')
    made = ask("webhooks", "create-webhook-endpoint", "--url", "http://127.0.0.1:9/", *types)
    assert made["event_types"] == ["customer.created", "customer.updated"]
    [told] = ask("webhooks", "list-webhook-messages", "--event-types", '["customer.created"]')[
        "data"
    ]
    assert told["payload"]["data"]["external_id"] == "acme"
    assert ask("webhooks", "delete-webhook-endpoint", "--id", made["id"], "--yes") == ""
    assert account.webhooks.targets == {}


def test_in_a_process_of_its_own_it_answers_and_is_refused(
    words: list[str], tmp_path: Path
) -> None:
    """As all of the above, by its own program."""

    def ran(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(NODE), str(PROGRAM), *words, *more],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment(tmp_path),
        )

    done = ran("company", "list")
    assert (done.returncode, done.stdout.split()[0]) == (0, "meterbox"), done.stderr
    refused = ran("customers", "archive", "--id", "nobody")
    assert (refused.returncode, json.loads(refused.stderr)["statusCode"]) == (1, 404)
