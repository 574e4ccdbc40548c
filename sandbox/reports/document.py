"""A report as JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sandbox.clock import iso
from sandbox.reports.model import Coverage, Report

__all__ = ["covered", "document", "text"]


def text(report: Report) -> str:
    """One object, indented."""
    # Not orjson, which has no form for half of a surrogate pair: a payload may well hold one.
    return json.dumps(document(report), default=_plain, indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The whole report; what is not known is null."""
    return {
        "title": report.title,
        "subject": report.subject,
        "at": iso(report.at),
        "totals": report.totals,
        "left_out": report.left_out,
        "checks": [asdict(check) for check in report.checks],
        "coverage": [covered(of) for of in report.coverage],
    }


def covered(of: Coverage) -> dict[str, Any]:
    """What of a kind was exercised, and what was not."""
    return {
        "kind": of.kind,
        "percent": round(of.percent, 1),
        "exercised": list(of.exercised),
        "missing": of.missing,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
