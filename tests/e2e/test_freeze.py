# SPDX-License-Identifier: BSD-2-Clause
"""--freeze: the process stands still while it is read; nothing of that is to be seen afterwards."""

import ctypes
import json
import os
import re
import signal
from pathlib import Path

import pytest

from harness import CANNOT_TRACE, Fixture, Tool, tool

USAGE = 2
LOOKS = 5
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
STILL, MOVING, THREADS = 5000, 3 * 2000, 3


@pytest.fixture(autouse=True)
def readable(built):
    if os.geteuid():
        pytest.skip("reading another process needs root")


def tracer(pid):
    return int(re.search(r"TracerPid:\t(\d+)", Path("/proc/%d/status" % pid).read_text()).group(1))


def heap(target, *options):
    code, out, lines = tool("heap", "--pid", target.pid, "-f", "json", *options)
    assert code == 0, lines
    assert lines == []
    return json.loads(out)


def frozen_heap(target):
    """A busy machine may need longer than a process is kept."""
    while True:
        look = heap(target, "--freeze")
        if look["freeze"]["whole"]:
            return look


def assert_goes_on(target):
    truth = target.run_to("on")
    assert truth["failed"] == []
    assert tracer(target.pid) == 0
    return truth


def test_one_moment(python):
    """What is replaced all the time is counted as often as it is there, at every look."""
    with Fixture(python.path, "churning_heap.py") as target:
        threads = target.run_to("on")["threads"]
        looks = [frozen_heap(target) for _ in range(LOOKS)]
        assert_goes_on(target)
        without = heap(target)
    assert without["freeze"] is None
    for look in looks:
        frozen = look["freeze"]
        assert frozen["threads"] == threads
        assert frozen["stopped_s"] > 0 and 1 <= frozen["stops"] <= 8
        found = {each["name"]: each["count"] for each in look["types"]}
        assert found["__main__.Still"] == STILL
        for name in "__main__.Moving", "__main__.Table":
            assert MOVING - THREADS <= found[name] <= MOVING, name
        assert abs(found.get("__main__.Left", 0) - found.get("__main__.Right", 0)) <= 1
        assert all(value == 0 for value in look["unparsed"].values()), look["unparsed"]
        assert look["gc"]["collecting"] or look["gc"]["complete"]
        assert look["cycles"]["count"] == look["cycles"]["changed"] == 0


def test_text(one_python):
    """For people: how long, and what that means."""
    with Fixture(one_python.path, "churning_heap.py") as target:
        threads = target.run_to("on")["threads"]
        code, out, lines = tool("heap", "--pid", target.pid, "--freeze")
        assert_goes_on(target)
    assert code == 0 and lines == []
    pattern = r"^ +stopped for [\d.]+ m?s, (\d+) threads(, \d times)?: all figures"
    said = re.search(pattern, out, re.M)
    assert said and int(said.group(1)) == threads


def killed_while_frozen(target):
    """Whether the tool was killed, by SIGKILL, while the target stood still."""
    with Tool("heap", "--pid", target.pid, "--freeze") as process:
        while process.popen.poll() is None and not tracer(target.pid):
            pass
        process.signal(signal.SIGSTOP)
        frozen = tracer(target.pid) != 0
        process.signal(signal.SIGKILL)
        process.wait()
    while tracer(target.pid):
        pass
    return frozen


def test_killed(some_python):
    """The end of the tool, however it comes, is the end of the stop."""
    with Fixture(some_python.path, "churning_heap.py") as target:
        target.run_to("on")
        while not killed_while_frozen(target):
            pass
        assert_goes_on(target)
        frozen_heap(target)
        assert_goes_on(target)


def test_tool_is_stopped(one_python):
    """Ctrl-Z of the tool: the target goes on when its time is up, and the figures say so."""
    with Fixture(one_python.path, "churning_heap.py") as target:
        target.run_to("on")
        whole = True
        while whole:
            with Tool(
                "heap", "--pid", target.pid, "--freeze", "-f", "json", stdout=-1
            ) as process:
                while process.popen.poll() is None and not tracer(target.pid):
                    pass
                process.signal(signal.SIGSTOP)
                while tracer(target.pid):
                    pass
                assert_goes_on(target)
                process.signal(signal.SIGCONT)
                look = json.loads(process.popen.stdout.read())
                assert process.finish() == 0
            whole = look["freeze"]["whole"]
    assert 2 <= look["freeze"]["stopped_s"]


def test_stopped_before(one_python):
    """A process that was stopped stays so."""
    with Fixture(one_python.path, "churning_heap.py") as target:
        target.run_to("on")
        target.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        frozen_heap(target)
        state = Path("/proc/%d/stat" % target.pid).read_text().rpartition(")")[2].split()[0]
        assert state == "T"
        target.signal(signal.SIGCONT)
        assert_goes_on(target)


def test_traced_by_another(one_python):
    """A debugger has it: one clear line, and it stays the debugger's."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Fixture(one_python.path, "churning_heap.py") as target:
        target.run_to("on")
        assert libc.ptrace(PTRACE_SEIZE, target.pid, None, None) == 0, ctypes.get_errno()
        code, out, lines = tool("heap", "--pid", target.pid, "--freeze")
        assert (code, out, len(lines)) == (CANNOT_TRACE, "", 1)
        assert "another process traces it" in lines[0]
        assert tracer(target.pid) == os.getpid()
        assert heap(target)["freeze"] is None


def test_who(some_python):
    """Who holds it, of a process that stood still meanwhile."""
    with Fixture(some_python.path, "churning_heap.py") as target:
        threads = target.run_to("on")["threads"]
        arguments = ("who", "--pid", target.pid, "__main__.Still", "--freeze", "-i", "100ms")
        code, out, lines = tool(*arguments, "-f", "json")
        assert (code, lines) == (0, [])
        answer = json.loads(out)
        assert answer["freeze"]["threads"] == threads
        code, out, lines = tool(*arguments)
        assert (code, lines) == (0, []) and "stopped for" in out
        assert_goes_on(target)


def test_usage():
    code, out, lines = tool("--pid", 1, "--freeze")
    assert (code, out, len(lines)) == (USAGE, "", 1)
