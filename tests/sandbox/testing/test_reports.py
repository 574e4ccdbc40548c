"""What is said of a test that did not look, and of a bill that is not as expected."""

from __future__ import annotations

import pytest

from tests.sandbox.testing.conftest import Run

SILENT = """
def test_it(orb, client):
    with pytest.raises(sdk.APIStatusError):
        misspelt = {**event("k-1"), "event_nmae": "api_calls"}
        del misspelt["event_name"]
        send(client, misspelt)
"""
LATE = """
def test_it(orb, client):
    with pytest.raises(sdk.APIStatusError):
        send(client, event("1", "90h"))
"""


def test_a_refusal_that_nobody_looked_at_fails_the_test(run: Run) -> None:
    """With the request, the finding, the rule, the source and the fix."""
    done = run(SILENT)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "Orb: POST /v1/ingest was answered 400: it was refused, and the test did not look at*",
            '    sent      {"events":*"event_nmae":"api_calls"*',
            '    answered  {"type":*Request validation did not succeed.*',
            "    at $.events[[]0].event_nmae: Additional properties are not allowed*",
            "        value   api_calls",
            "        rule    orb.ingest.structure: Each event has event_name, timestamp, *",
            "        source  official OpenAPI of 2026-08-18 (github.com/orbcorp/orb-python, *",
            "                IngestRequestBody (documented, read *)",
            "        fix     write 'event_name' in the place of 'event_nmae'.",
            "    events    1 rejected",
            '    Meant to happen? Then say so: orb.assert_violation("orb.ingest.structure") in*',
            '    or @pytest.mark.meterbox(allow="orb.ingest.structure") on it.',
            "FAILED *",
        ]
    )


def test_what_is_taken_and_thrown_away_fails_the_test(run: Run) -> None:
    done = run(
        """
from segment.analytics.client import Client

def test_it(segment):
    source = Client(write_key=segment.api_key, host=segment.base_url, sync_mode=True)
    source.track("acme", "", {})
"""
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "Segment: POST /v1/batch was answered 200: it broke a rule and was not refused, and *",
            "        rule    segment.discard.*",
            "    events    1 dropped",
        ]
    )


def test_findings_with_a_switch_tell_it(run: Run) -> None:
    done = run(LATE)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "        rule    orb.ingest.grace-period: *",
            "        fix     change $.events[[]0].timestamp as the rule says. Is your account *",
            "                orb.settings[[]'orb.ingest.grace-period'] = '36h', or another le*",
        ]
    )


@pytest.mark.parametrize(
    "look",
    [
        'orb.assert_violation("orb.ingest.grace-period")',
        "assert orb.exchanges[-1].status == 400",
        "assert orb.exchanges[-1].findings[0].path == '$.events[0].timestamp'",
        "orb.exchanges.wait_for(verdict='refused')",
    ],
)
def test_a_refusal_that_was_looked_at_fails_nothing(run: Run, look: str) -> None:
    run(LATE + f"    {look}\n").assert_outcomes(passed=1)


def test_to_count_exchanges_is_not_to_look(run: Run) -> None:
    run(LATE + "    assert len(orb.exchanges) == 2\n").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("options", "ini", "marker", "outcome"),
    [
        (["--meterbox-violations=ignore"], "", "", "passed"),
        ([], "meterbox_violations = ignore", "", "passed"),
        (["--meterbox-violations=fail"], "meterbox_violations = ignore", "", "failed"),
        ([], "", "violations='ignore'", "passed"),
        (["--meterbox-violations=ignore"], "", "violations='fail'", "failed"),
        ([], "", "allow='orb.ingest.grace-period'", "passed"),
        ([], "", "allow=['orb.ingest.structure']", "failed"),
        ([], "", "allow='orb.ingest.grace-period', only='kana'", "failed"),
    ],
)
def test_it_is_switched_by_option_ini_file_and_marker(
    run: Run, options: list[str], ini: str, marker: str, outcome: str
) -> None:
    run(f"\n@pytest.mark.meterbox({marker}){LATE}", *options, ini=ini).assert_outcomes(
        **{outcome: 1}
    )


def test_a_reply_that_is_given_again_is_no_violation(run: Run) -> None:
    run(
        """
@pytest.mark.meterbox(faults="lost-reply")
def test_it(orb, client):
    assert len(orb.exchanges) == 2
"""
    ).assert_outcomes(passed=1)


def test_what_comes_while_a_test_is_torn_down_is_told_too(run: Run) -> None:
    done = run(
        """
@pytest.fixture
def late(orb, client):
    yield
    with pytest.raises(sdk.APIStatusError):
        send(client, event("1", "90h"))

def test_it(late):
    pass
"""
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(
        ["After the test, while it was torn down:", "Orb: POST /v1/ingest was answered 400: *"]
    )


def test_a_test_that_fails_by_itself_is_told_what_was_refused(run: Run) -> None:
    done = run(LATE + "    assert 1 == 2\n")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["E   assert 1 == 2", "*Captured meterbox call*", "Orb: POST /v1/ingest was answered 400:*"]
    )


def test_many_refusals_are_told_in_part(run: Run) -> None:
    done = run(
        """
def test_it(orb, client):
    for n in range(5):
        with pytest.raises(sdk.APIStatusError):
            send(client, event(str(n), "90h"))
"""
    )
    assert sum("was answered 400" in line for line in done.outlines) == 3
    done.stdout.fnmatch_lines(["And 2 more at Orb."])


def test_a_wrong_bill_tells_what_comes_closest_and_why_the_rest_is_not_billed(run: Run) -> None:
    done = run(
        """
def test_it(orb, client):
    send(client, event("1"), event("2"), event("3", external_customer_id="nobody"))
    orb.assert_billed("acne", "api_calls", 3)
"""
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*: in test_it",
            "E   AssertionError: Orb bills no 'api_calls' to 'acne', not 3.",
            "E     Closest   2 'api_calls' to 'acme'",
            "E     differs   customer: is 'acme', expected 'acne'",
            "E     differs   quantity: is 2, expected 3",
            "E     not billed  1 'api_calls' to 'nobody', event '3': unmatched by orb.ingest.unkn*",
            "E         An external_customer_id that no customer has is accepted with 200; *",
            "E         source  official OpenAPI of 2026-08-18 *(documented)",
        ]
    )
    assert "meter:" not in str(done.stdout)


def test_a_bill_of_another_quantity_tells_its_events_and_the_duplicates(run: Run) -> None:
    done = run(
        """
def test_it(orb, client):
    same = event("1")
    send(client, same)
    send(client, same)
    orb.assert_billed("acme", "api_calls", 2)
"""
    )
    done.stdout.fnmatch_lines(
        [
            "E   AssertionError: Orb bills 1 'api_calls' to 'acme', not 2.",
            "E     billed    1 for event '1', orb-*-2",
            "E     not billed  1 'api_calls' to 'acme', event '1': duplicate by orb.ingest.dupl*",
            "E         A known idempotency key is accepted with 200 and not counted again.",
        ]
    )


def test_a_bill_that_lacks_what_was_refused_tells_the_refusal_once(run: Run) -> None:
    done = run(LATE + '    orb.assert_billed("acme", "api_calls", 1)\n')
    done.stdout.fnmatch_lines(
        [
            "E   AssertionError: Orb bills no 'api_calls' to 'acme', not 1.",
            "E     Nothing is billed on this account.",
            "E     refused  POST /v1/ingest, answered 400",
            "E           rule    orb.ingest.grace-period: *",
        ]
    )
    assert str(done.stdout).count("rule    orb.ingest.grace-period") == 1


def test_what_waited_for_its_customer_is_not_told_as_unbilled(run: Run) -> None:
    done = run(
        """
def test_it(orb):
    with client_of(orb) as client:
        send(client, event("1"))
        client.customers.create(name="A", email="a@b.test", external_customer_id="acme")
    orb.assert_billed("acme", "api_calls", 2)
"""
    )
    assert "Orb bills 1 'api_calls' to 'acme', not 2." in str(done.stdout)
    assert "unmatched" not in str(done.stdout)


@pytest.mark.parametrize("quantity", [0, 1])
def test_a_client_that_goes_elsewhere_is_told(run: Run, quantity: int) -> None:
    """Nobody may take it for a bill of nothing."""
    done = run(f"\ndef test_it(orb):\n    orb.assert_billed('acme', 'api_calls', {quantity})\n")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["E   AssertionError: No request came to Orb with this test's key, so it bills nothing.*"]
    )


def test_a_rule_that_nobody_broke_is_told_with_what_came(run: Run) -> None:
    done = run("\ndef test_it(orb, client):\n    orb.assert_violation('orb.ingest.structure')\n")
    done.stdout.fnmatch_lines(
        [
            "E   AssertionError: No request at Orb broke orb.ingest.structure.",
            "E   What came:",
            "E     <POST /v1/customers -> 201 answered orb-*-1>",
        ]
    )
