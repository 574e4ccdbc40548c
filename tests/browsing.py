"""A real browser: Debian's Chromium, driven by Playwright, and what it sees of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

__all__ = [
    "AXE",
    "CHROMIUM",
    "EVIL",
    "MARKS",
    "SIZES",
    "THEMES",
    "Visit",
    "launched",
    "shoot",
    "visiting",
]

Theme = Literal["light", "dark"]
EVIL = "evil.example"
CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parent / "sandbox/page/node/node_modules/axe-core/axe.min.js"
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: .ci/chromium installs it"),
    pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: make node"),
]
SIZES = (1440, 390)
THEMES: tuple[Theme, Theme] = ("light", "dark")
AXE_BY_THEME = {"light": (), "dark": ("color-contrast",)}
"""Rules of axe-core to try in a theme: all, and where only colours differ that of colours."""
SCREENSHOTS = "METERBOX_SCREENSHOTS"
"""The variable that names a folder for pictures of what the tests see."""


# Of radio buttons the Tab key comes to one, and arrows to the others.
USABLE = """() => {
  const usable = "a[href], button, input, select, summary, textarea, [tabindex='0']";
  const all = [...document.querySelectorAll(usable)]
    .filter((e) => e.checkVisibility({ contentVisibilityAuto: false, visibilityProperty: true }))
    .filter((e) => !e.closest("dialog:not([open])") && e.type !== "hidden" && !e.disabled)
    .filter((e) => e.type !== "radio" || e.checked);
  return all.map((e, n) => { e.dataset.tried = n; return e.outerHTML.slice(0, 200); });
}"""


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window. Somebody has made the name EVIL point to this machine."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    quiet += [f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"]
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*quiet, *rooted])
        yield browser
        browser.close()


class Visit:
    """A tab: `page` is Playwright's, `asked` each request of it, and `complaints` what the browser
    found wrong."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[Request] = []
        self.complaints: list[str] = []
        page.set_default_timeout(10_000)
        page.on("request", lambda request: self.asked.append(request))
        page.on("console", self._note)
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))

    def _note(self, told: ConsoleMessage) -> None:
        if told.type == "error":
            self.complaints.append(told.text)

    @property
    def origins(self) -> set[str]:
        """Where the tab asked for something."""
        parts = [urlsplit(request.url) for request in self.asked]
        return {f"{part.scheme}://{part.netloc}" for part in parts if part.scheme != "data"}

    def seen(self, name: str) -> list[str]:
        """What is wrong with a view, in each theme and at each width, with pictures of them all."""
        found = []
        for width in SIZES:
            self.page.set_viewport_size({"width": width, "height": 900})
            if self.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"wider than {width}")
            for theme in THEMES:
                self.page.emulate_media(color_scheme=theme)
                shoot(self.page, f"{name}-{theme}-{width}")
                if width == SIZES[0]:
                    # What is not about colours is the same in both.
                    found += self.violations(*(["color-contrast"] if theme == THEMES[1] else []))
                elif theme == THEMES[0]:
                    found += self.violations("scrollable-region-focusable", "target-size")
        return found

    def unreached(self) -> list[str]:
        """What of the page can be used, and is not come to by the Tab key."""
        names: list[str] = self.page.evaluate(USABLE)
        reached = set()
        for _ in range(len(names) + 5):
            self.page.keyboard.press("Tab")
            reached.add(self.page.evaluate("document.activeElement.dataset.tried"))
        return [name for number, name in enumerate(names) if str(number) not in reached]

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds wrong with the page as it is, by all of its rules or by these."""
        if self.page.evaluate("typeof axe") == "undefined":
            # Not as an element of the page, whose policy allows no script but its own.
            self.page.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
        only = {"runOnly": rules} if rules else {}
        run = "(only) => axe.run(only).then((found) => found.violations)"
        found: list[dict[str, Any]] = self.page.evaluate(run, only)
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]


@contextmanager
def visiting(
    browser: Browser, width: int = 1440, theme: str = "light", **more: Any
) -> Iterator[Visit]:
    """A visit by somebody new."""
    size: Any = {"width": width, "height": 900}
    scheme: Any = theme
    context = browser.new_context(viewport=size, color_scheme=scheme, **more)
    try:
        yield Visit(context.new_page())
    finally:
        context.close()


def shoot(page: Page, name: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
