"""What CI makes of a test run."""

from __future__ import annotations

import pytest

SKIPPED = "import pytest\n\ndef test_left_out():\n    pytest.skip('no Node.js')\n"
RUN = "def test_run():\n    pass\n"


FEWER = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")


@pytest.mark.parametrize(
    ("ci", "test", "spread", "outcome"),
    [
        ("true", SKIPPED, (), pytest.ExitCode.TESTS_FAILED),
        ("true", SKIPPED, ("-n", "1"), pytest.ExitCode.TESTS_FAILED),
        ("", SKIPPED, (), pytest.ExitCode.OK),
        ("true", RUN, (), pytest.ExitCode.OK),
    ],
    ids=["skipped in CI", "skipped in CI by a worker", "skipped elsewhere", "run in CI"],
)
def test_a_skipped_test_fails_in_ci_alone(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    ci: str,
    test: str,
    spread: tuple[str, ...],
    outcome: pytest.ExitCode,
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest("from tests.conftest import pytest_sessionfinish")
    pytester.makepyfile(test)
    assert pytester.runpytest_inprocess(*FEWER, *spread).ret == outcome
