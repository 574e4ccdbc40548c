"""The forms a report comes in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from sandbox.reports.model import Report

__all__ = ["FORMATS", "render"]

FORMATS: Mapping[str, str] = {
    "human": "human:text",
    "json": "document:text",
    "junit": "junit:text",
    "sarif": "sarif:text",
    "github": "github:commands",
    "summary": "github:summary",
    "html": "page:text",
}
"""Where each is made, imported only when it is asked for."""


def render(report: Report, form: str) -> str:
    """The report in one of FORMATS."""
    module, _, name = FORMATS[form].partition(":")
    made: Callable[[Report], str] = getattr(import_module(f"sandbox.reports.{module}"), name)
    return made(report)
