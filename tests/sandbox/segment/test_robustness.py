"""Whatever is sent: no 5xx, an answer within the contract, a finding where something is lost."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from contracts.reader import read
from tests.sandbox.segment.conftest import Source

CONTRACT = read("segment")
PATHS = [
    (path, endpoint)
    for endpoint in CONTRACT.endpoints
    if endpoint.method == "POST"
    for path in endpoint.paths
]
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = {
    "type": st.sampled_from(
        ["track", "identify", "page", "screen", "group", "alias", "x", 1, None]
    ),
    "event": st.just("e"),
    "userId": st.just("u"),
    "timestamp": st.sampled_from(["2026-01-15", "2026-13-01", "0001-01-01T00:00:00+09:00"]),
    **dict.fromkeys(["anonymousId", "groupId", "previousId", "messageId", "name"], ODD),
    **dict.fromkeys(["category", "sentAt", "context", "integrations", "properties"], ODD),
    **dict.fromkeys(["traits", "writeKey", "batch"], ODD),
}
CALL = st.fixed_dictionaries({}, optional={name: good | ODD for name, good in FIELDS.items()})
BODY = CALL | ODD | st.fixed_dictionaries({"batch": st.lists(CALL | ODD, max_size=4)})


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PATHS), body=BODY)
def test_no_body_makes_an_answer_outside_the_contract(
    source: Source, place: tuple[str, Any], body: Any
) -> None:
    path, endpoint = place
    answer = source.post(path, body)
    assert answer.status_code in endpoint.responses
    schema = endpoint.responses[answer.status_code]
    assert schema is not None
    assert violations(answer.json(), schema, rule="response") == []
    *_, exchange = source.account().journal.after(0)
    lost = {"dropped", "rejected"} & {effects.outcome for effects in exchange.effects}
    if lost or answer.status_code >= 400:
        assert exchange.findings
    assert {finding.rule for finding in exchange.findings} <= set(CONTRACT.rules)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PATHS), body=BODY)
def test_what_validate_says_beforehand_is_what_the_source_does(
    source: Source, place: tuple[str, Any], body: Any
) -> None:
    path, endpoint = place
    if endpoint.wanted is None:
        return
    source.account().reset()  # ids of earlier examples are not duplicates here
    source.post(path, body)
    (exchange,) = source.account().journal.after(0)
    lost = {"dropped", "rejected"} & {effects.outcome for effects in exchange.effects}
    if endpoint.wanted.accepts(body):
        assert not lost
    else:
        assert exchange.findings
