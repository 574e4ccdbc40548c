"""Walks a state machine beside a model of what it is about, and counts the steps."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = ["walked"]


def walked(
    both: type[RuleBasedStateMachine],
    model: Callable[[], Any],
    phases: tuple[Phase, ...],
    *,
    examples: int,
    steps: int,
) -> int:
    """How many steps were taken without the two parting; `both` makes its model by `make`, and
    notes each step in `steps`. Raises what it raises when they part."""
    taken: list[int] = []
    machine = type("Both", (both,), {"make": staticmethod(model), "steps": taken})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return len(taken)
