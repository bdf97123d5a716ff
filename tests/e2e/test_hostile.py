# SPDX-License-Identifier: BSD-2-Clause
"""Processes that lie about what they hold: the tool neither hangs nor dies, and what it shows is text."""

import json
import signal

import pytest

import harness
from test_agent import PYTHON, Agent, worker

pytestmark = pytest.mark.usefixtures("built")

# What a terminal obeys, without newline and tab: C0, DEL, C1, and what turns the direction of text.
FORBIDDEN = {chr(c) for c in [*range(32), *range(0x7F, 0xA0)]} - {"\n", "\t"}
FORBIDDEN |= {chr(c) for c in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]}


class Hostile(harness.Fixture):
    def __init__(self, python):
        super().__init__(python.path, "hostile.py")
        self.truth = self.run_to("live")

    def __exit__(self, *_):
        assert self.alive()
        self.popen.send_signal(signal.SIGKILL)
        super().__exit__()


@pytest.fixture
def hostile(python):
    with Hostile(python) as process:
        yield process


def texts(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def assert_harmless(text):
    found = sorted(set(text) & FORBIDDEN)
    assert not found, found
    assert max(map(len, text.split("\n"))) < 4000


def look(*arguments):
    code, out, lines = harness.tool(*arguments)
    assert_harmless("\n".join(lines))
    assert code == 0, lines
    return out


def read(*arguments):
    answer = json.loads(look(*arguments, "-o", "-", "-f", "json"))
    for text in texts(answer):
        assert_harmless(text)
    return answer


def test_heap(hostile):
    assert_harmless(look("heap", "--pid", hostile.pid))
    answer = read("heap", "--pid", hostile.pid)
    bridge = answer["bridge"]
    assert sum(bridge.values()) == answer["rss"]
    assert bridge["python_objects"] <= answer["rss"]
    victims = [t for t in answer["types"] if t["name"].endswith(".Victim")]
    assert [t["count"] for t in victims] in ([], [hostile.truth["victims"]])


@pytest.mark.parametrize("what", ["__main__.Victim", "list", "dict", "Named", "\x1b[31m"])
def test_who(hostile, what):
    code, out, lines = harness.tool("who", "--pid", hostile.pid, what, "-i", "100ms")
    assert_harmless(out)
    assert_harmless("\n".join(lines))
    assert code == 0 if "Named" not in what and "\x1b" not in what else len(lines) <= 1
    if code == 0:
        assert read("who", "--pid", hostile.pid, what, "-i", "100ms")["found"] > 0


def test_census(hostile, tmp_path):
    arguments = ["--pid", hostile.pid, "--mode", "census", "-d", "5s", "-i", "1s"]
    out = tmp_path / "out.json"
    code, text, lines = harness.tool(*arguments)
    assert_harmless(text)
    assert_harmless("\n".join(lines))
    assert code == 0, lines
    code, _, lines = harness.tool(*arguments, "-o", out)
    assert code == 0, lines
    for said in texts(json.loads(out.read_text())):
        assert_harmless(said)


def held(library):
    """A Python whose variables nobody will ever fill for a reader."""
    process = harness.Fixture(PYTHON, "hostile_memory.py", library)
    process.go()
    if process.said() == "CANNOT":
        process.popen.kill()
        pytest.skip("no userfaultfd can be had")
    return process


def test_memory_that_does_not_answer(folder):
    """The agent asks it once, and leaves it alone; a second one before it was there, and one that is watched already."""
    library = harness.compile_library(
        harness.FIXTURES / "hostile_memory.c", folder / "hostile_memory.so"
    )
    with held(library) as first, worker("idle") as working:
        options = ("--census-interval", "1s", "--exclude", "nobody")
        with Agent(*options) as agent:
            agent.until(lambda: working.pid in agent.processes())
            agent.until(lambda: any("process %d is left alone" % first.pid in line for line in agent.lines))
            assert first.pid not in agent.processes()
            with harness.Fixture(PYTHON, "hostile_memory.py", library) as later:
                agent.until(lambda: agent.samples("python_blocks", pid=later.pid))
                later.go()
                assert later.said() == "HELD"
                agent.until(lambda: any("process %d is left alone" % later.pid in line for line in agent.lines))
                shown = agent.processes()[later.pid]
                assert "does not answer" in shown["cannot_trace"]
                assert agent.get("/healthz") and agent.samples("process_resident_bytes", pid=later.pid)
            with worker("work") as new:  # of the same owner, of whom two did not answer
                agent.until(lambda: later.pid not in agent.processes())
                assert agent.samples("process_resident_bytes", pid=working.pid)
                assert new.pid not in agent.processes()
            assert agent.finish(signal.SIGTERM) == 0, agent.stderr
