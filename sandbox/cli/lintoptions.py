"""The options of `--lint`, and the files they name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from contracts.model import BadValue, Contract, MeterboxError
from sandbox.cli.destination import moment
from sandbox.cli.payloads import UnusableFile
from sandbox.clock import wall
from sandbox.lint.metrics import needed
from sandbox.lint.usage import known

__all__ = ["Known", "lint_options", "wanted"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True)
class Known:
    """What events are compared with: a time, customers, what metrics need, and the switches of
    rules that are configured here."""

    now: datetime
    customers: frozenset[str]
    needs: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]


def lint_options(command: Decorated) -> Decorated:
    """The options `--lint`, `--now`, `--customers` and `--metrics`."""
    options = (
        click.option(
            "--lint/--no-lint",
            default=None,
            help="Also look for what a contract allows and a biller regrets.",
        ),
        click.option(
            "--now", metavar="TIME", help="For --lint: as of when events are late or in the future."
        ),
        click.option(
            "--customers",
            metavar="FILE",
            help="For --lint: customers there are, an id a line or as JSON.",
        ),
        click.option(
            "--metrics",
            metavar="FILE",
            help="For --lint: steps that set up meters and metrics, as in a setup.json.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def wanted(
    contract: Contract,
    lint: bool | None,
    now: str | None,
    customers: str | None,
    metrics: str | None,
) -> Known | None:
    """What to look by; None where nobody wants it. An option for it wants it too. Raises BadValue,
    UnusableFile or MeterboxError."""
    from sandbox.config import load  # these import servers, which nobody else needs here
    from sandbox.staging import steps

    given = (now, customers, metrics)
    if lint is None:
        lint = any(given)
    if not lint:
        if any(given):
            raise BadValue("--no-lint", next(filter(None, given)), "of use then; leave it out")
        return None
    made = [*steps(contract.vendor), *(_steps(metrics) if metrics else ())]
    return Known(
        now=wall() if now is None else moment(now, "--now"),
        customers=frozenset(_ids(customers, contract)) if customers else frozenset(),
        needs=needed(contract, made),
        settings=load(None, os.environ).settings,
    )


def _ids(name: str, contract: Contract) -> Iterator[str]:
    """The ids of a file: as lines, or of the JSON objects in it."""
    reads = [known(replace(naming, when={})) for naming in contract.namings]
    text = _text(name)
    try:
        found: Sequence[Any] = [json.loads(text)]
    except ValueError:
        found = [_value(line) for line in text.splitlines() if line.strip()]
    for value in found:
        yield from _named(value, reads)


def _named(value: Any, reads: Sequence[Callable[[Any], Iterator[str]]]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _named(item, reads)
    elif isinstance(value, Mapping):
        yield from (id for one in reads for id in one(value))
        for inner in value.values():
            if isinstance(inner, list):
                yield from _named(inner, reads)
    elif value is not None:
        yield str(value)


def _value(line: str) -> Any:
    """A line of JSON, or else the text of the line itself."""
    try:
        value = json.loads(line)
    except ValueError:
        return line.strip()
    return value if isinstance(value, Mapping | list | str) else line.strip()


def _steps(name: str) -> list[Mapping[str, Any]]:
    try:
        steps = json.loads(_text(name))
    except ValueError as fault:
        raise MeterboxError(f"{name}: is not JSON: {fault}") from fault
    if not isinstance(steps, list) or not all(
        isinstance(step, Mapping) and "json" in step for step in steps
    ):
        raise MeterboxError(
            f"{name}: is no list of steps with a json, of a dashboard function or a request"
        )
    return steps


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as fault:
        raise UnusableFile(name, fault) from fault
    except UnicodeDecodeError as fault:
        raise MeterboxError(f"{name}: is not UTF-8") from fault
