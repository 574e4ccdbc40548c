"""The meterbox command itself: what it finds, what it imports, how it leaves."""

import os
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from sandbox.cli.main import COMMANDS

METERBOX = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]


def meterbox(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*METERBOX, *arguments], input=stdin, capture_output=True, text=True, timeout=30
    )


def imported(*arguments: str) -> set[str]:
    """Modules that a run of the command imported."""
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    ran = subprocess.run(
        [sys.executable, "-c", told + METERBOX[-1], *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return set(ran.stderr.split())


def test_help_lists_every_command_and_the_exit_codes(run):
    told = " ".join(run("--help").output.split())
    assert [name for name in COMMANDS if name not in told] == []
    assert "0 all is well; 1 violations or refusals were found; 2 wrong use" in told


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str):
    command = import_module(f"sandbox.cli.{name.replace('-', '')}").command
    assert " ".join((command.help or "").partition("\n\n")[0].split()) == COMMANDS[name]


def test_every_command_tells_its_exit_codes(run):
    for name in ("openapi", "rules", "translate", "validate"):
        assert "Exit codes: 0 all is well" in run(name, "--help").output


def test_help_imports_no_vendor_and_no_validator():
    modules = imported("--help")
    assert "sandbox.cli.main" in modules
    assert modules & {"contracts.reader", "jsonschema_rs", "rich", "starlette", "uvicorn"} == set()


def test_a_command_imports_no_other():
    modules = imported("openapi", "--help")
    assert modules & {f"sandbox.cli.{name}" for name in COMMANDS} == {"sandbox.cli.openapi"}


def test_a_misspelt_command_is_answered_with_the_nearest(run):
    result = run("valdate")
    assert result.exit_code == 2
    assert result.stderr == "meterbox: No command 'valdate'. Did you mean 'validate'?\n"


def test_a_command_unlike_any_is_answered_with_all(run):
    result = run("zzz")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "meterbox: No command 'zzz'. Commands: compare, dead-letters, demo, drift, exec, "
    )


def test_a_misspelt_vendor_is_one_line_and_exit_code_2():
    result = meterbox("openapi", "orbb")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("meterbox: No contract for 'orbb'. Did you mean 'orb'?")
    assert result.stderr.count("\n") == 1


def test_a_program_gets_its_exit_code_from_a_real_process():
    assert meterbox("validate", "orb", stdin="{}").returncode == 1
    assert meterbox("rules", "orb").returncode == 0


def test_an_option_that_is_not_there_is_exit_code_2():
    result = meterbox("rules", "--jsn")
    assert result.returncode == 2
    assert "--json" in result.stderr


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """The program, which heeds an interrupt even where a shell had its background jobs not."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*METERBOX, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=heed_interrupts
    )


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_reader_that_leaves_is_no_error():
    with started("validate", "orb") as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b"{}\n")
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_leaves_with_130_and_without_a_traceback():
    with started("validate", "orb") as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"{}\n")
        process.stdin.flush()
        assert process.stdout.readline()  # it runs, and waits for more
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr.read().strip() == b""
    assert process.returncode == 130
