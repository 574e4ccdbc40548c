"""The page's own files: what others wrote is as they published it, and all of it is installed."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import sandbox.page
from sandbox.server import Running

HERE = Path(sandbox.page.__file__).parent
PUBLISHED = {
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}
PAGE = "/_meterbox/page"


def test_what_others_wrote_is_as_it_was_published() -> None:
    found = {file.name: sha256(file.read_bytes()).hexdigest() for file in HERE.rglob("*.min.js")}
    assert found == PUBLISHED
    told = (HERE / "static/vendor/README.md").read_text(encoding="utf-8")
    assert all(name in told and digest in told for name, digest in PUBLISHED.items())


def test_no_template_has_script_or_style_of_its_own() -> None:
    for file in (HERE / "templates").rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert "<style" not in text, file
        assert " style=" not in text, file
        assert " onclick=" not in text, file
        assert "|safe" not in text.replace(" ", ""), file
        assert text.count("<script") == text.count("<script src="), file


@pytest.mark.parametrize(
    "name", ["page.css", "page.js", "theme.js", "icon.svg", "vendor/htmx.min.js"]
)
def test_a_file_is_served_as_what_it_is(server: Running, http: httpx.Client, name: str) -> None:
    answer = http.get(f"{server.url}{PAGE}/static/{name}")
    assert answer.content == (HERE / "static" / name).read_bytes()
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"].startswith(kinds[Path(name).suffix])
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../page.py", "..%2fpage.py", "vendor/htmx.LICENSE", "none.css", ""]
)
def test_nothing_else_is(server: Running, http: httpx.Client, name: str) -> None:
    assert http.get(f"{server.url}{PAGE}/static/{name}").status_code == 404


def test_who_does_not_open_the_page_does_not_wait_for_it() -> None:
    asked = "import sys; import sandbox.app as app; app.create_app(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "sandbox.app" in loaded, done.stderr
    assert {name for name in loaded if name.startswith(("jinja2", "sandbox.page"))} == set()
