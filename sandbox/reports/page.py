"""A report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox.clock import iso
from sandbox.reports.findings import excerpt
from sandbox.reports.model import Report
from sandbox.unseen import spelled

__all__ = ["text"]

HERE = Path(__file__).parent


def text(report: Report) -> str:
    """The page. It runs no script and asks for nothing: its policy forbids both."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    environment.filters["excerpt"] = excerpt
    style = (HERE / "report.css").read_text(encoding="utf-8")
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    page = environment.get_template("report.html")
    return page.render(report=report, style=style, allowed=allowed, at=iso(report.at)) + "\n"


def _visible(value: Any) -> Any:
    """What a template writes, without characters that deceive; what is markup is ours."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return spelled(value)
    return value
