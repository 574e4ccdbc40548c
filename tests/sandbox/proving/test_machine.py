"""A state machine over random fault schedules: nothing that it comes upon loses or doubles usage,
and a forwarder that makes new keys is found out in no more than three steps."""

from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox.proving.proof import prove
from sandbox.proving.rehearsal import rehearsed
from sandbox.proving.verdict import Mismatch
from tests.sandbox.proving.planted import case, event, new_keys, struck
from translators.mapping import translated_vendors

KINDS = (
    "status", "reset", "delay", "status-after", "lost-reply", "reset-after", "late-reply",
    "drip", "truncated", "wrong-length", "malformed", "empty",
)  # fmt: skip
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=6,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class Schedules(RuleBasedStateMachine):
    """Events and faults come in any order; a run takes all of them from the beginning. The same
    seed gives the same trace, so that a case which was `judged` need not be played again."""

    failed: ClassVar[list[str]] = []
    sought: ClassVar[str | None] = None
    judged: ClassVar[dict[Any, list[Mismatch]]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.strikes: dict[tuple[str, int], Any] = {}
        self.steps: list[str] = []

    @rule(count=st.integers(1, 4))
    def send(self, count: int) -> None:
        self.steps.append(f"send {count}")
        self.events += [event(len(self.events) + n) for n in range(count)]

    @rule(
        vendor=st.sampled_from(translated_vendors()),
        request=st.integers(1, 6),
        kind=st.sampled_from(KINDS),
        seconds=st.sampled_from([0.5, 6.0]),
    )
    def strike(self, vendor: str, request: int, kind: str, seconds: float) -> None:
        self.steps.append(f"strike {vendor} {request} {kind} {seconds}")
        self.strikes[vendor, request] = struck(vendor, request, kind, seconds=seconds)

    @precondition(lambda self: self.events)
    @rule()
    def run(self) -> None:
        self.steps.append("run")
        strikes = frozenset(self.strikes.values())
        asked = (len(self.events), strikes)
        if asked not in self.judged:
            found = prove(case(self.events, strikes=tuple(strikes)), rehearsed).verdict
            self.judged[asked] = found.mismatches
        wrong = [one for one in self.judged[asked] if self.sought in (None, one.what)]
        if wrong:
            Schedules.failed = self.steps
        assert not wrong, "\n".join(map(str, wrong))


class Doubling(Schedules):
    sought = "doubled"
    judged: ClassVar[dict[Any, list[Mismatch]]] = {}


def test_no_schedule_loses_or_doubles_anything() -> None:
    run_state_machine_as_test(Schedules, settings=SETTINGS)


def test_a_key_made_anew_for_a_retry_is_found_and_shrunk_to_three_steps() -> None:
    more = settings(SETTINGS, max_examples=500)
    with new_keys(), pytest.raises(AssertionError, match="billed more than once"):
        run_state_machine_as_test(Doubling, settings=more)
    assert len(Schedules.failed) <= 3
    assert Schedules.failed[-1] == "run"
