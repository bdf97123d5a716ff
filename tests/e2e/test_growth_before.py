# SPDX-License-Identifier: BSD-2-Clause
"""Growth of processes that are only watched: which lines took what stays, without a trace and without a probe."""

import contextlib
import json
import re
import signal
import time
from pathlib import Path

import pytest

import breakpoints
import harness
from conftest import PYTHONS
from memory_cgroup import MemoryCgroup
from test_agent import PYTHON, Agent, worker

pytestmark = pytest.mark.usefixtures("can_trace")

class Watched(harness.Fixture):
    """The fixture that knows what its lines took."""

    def __init__(self, python):
        super().__init__(python, "growth_before.py")


def growth(agent, pid):
    """What the agent knows of it, by function; None = nothing yet."""
    if agent.status("/api/v1/report?pid=%d&of=growth" % pid) != 200:
        return None
    report = json.loads(agent.get("/api/v1/report?pid=%d&of=growth" % pid))
    (process,) = report["processes"]
    assert report["schema"] == "pyleak.report/1" and process["pid"] == pid
    assert process["trace"]["mode"] == "growth" and not process["trace"]["probes"]
    return process


def of(process, truth):
    """The bytes at a truth's place, which has the function's name."""
    return sum(
        site["live_bytes"]
        for site in process["sites"]
        if all(site[key] == truth[key] for key in ("path", "line", "function", "domain"))
    )


def when_settled(agent, watched, truths):
    """What is known of each when it changes no more: nobody takes anything, and what has been taken settles record by record."""
    before = None

    def settled():
        nonlocal before
        known = [growth(agent, one.pid) for one in watched]
        figures = [
            one and [of(one, truth) for truth in of_one] for one, of_one in zip(known, truths)
        ]
        still, before = figures == before, figures
        time.sleep(3)
        return known if still and all(one and all(one) for one in figures) else None

    return agent.until(settled)


def test_every_python():
    """All at once, as on a host: lines by what they took that stays, estimated from a few records a second. Nobody is traced for it."""
    with contextlib.ExitStack() as stack:
        watched = [stack.enter_context(Watched(python.path)) for python in PYTHONS]
        agent = stack.enter_context(Agent("--interval", "1s", "--trace-time", "1h"))
        for one in watched:
            agent.until(lambda one=one: one.pid in agent.processes())
        for one in watched:
            one.go()
        truths = [json.loads(one.said().split(" ", 2)[2]) for one in watched]
        known = when_settled(agent, watched, truths)
        for i in range(2):
            kept = sum(truth[i]["live_bytes"] for truth in truths)
            found = sum(of(process, truth[i]) for process, truth in zip(known, truths))
            assert kept / 2 < found < 2 * kept, known
        kept = sum(one["live_bytes"] for truth in truths for one in truth)
        gone = [site for process in known for site in process["sites"] if site["function"] == "transient"]
        assert sum(site["live_bytes"] for site in gone) < kept / 4, known
        for process in known:
            frames = [frame["function"] for frame in process["stacks"][0]["frames"]]
            assert frames[1:] == ["keep", "main", "<module>"], frames
        shown = json.loads(agent.get("/api/v1/agent"))
        assert shown["growth_followed"] >= len(watched)
        assert 0 < shown["growth_bytes"] < shown["growth_bytes_most"]
        graph = agent.get("/api/v1/flamegraph?pid=%d&of=growth" % watched[0].pid)
        assert graph.startswith(b"<?xml") and b"burst (growth_before.py:" in graph


def test_before_the_trace():
    """While it waits for its turn, what is known of it is shown everywhere."""
    with worker("leak") as first, worker("leak") as second, worker("idle") as idle:
        options = ("--comm", "fleet-worker", "--trace-time", "1h")
        with Agent(*options) as agent:
            leaking = {first.pid, second.pid}

            def waits():
                shown = agent.processes()
                return next(
                    (one for one in leaking if shown.get(one, {}).get("attention") == "waiting"), None
                )

            pid = agent.until(waits)
            agent.until(lambda: (agent.processes()[pid]["grown"] or {}).get("sites"))
            grown = agent.processes()[pid]["grown"]
            lines = {site["line"] for site in grown["sites"] if site["file"] == "fleet_worker.py"}
            assert lines, grown
            samples = agent.samples("site_grown_bytes", pid=pid)
            assert samples and len(samples) <= 3
            assert samples[0][0]["file"] == "fleet_worker.py" and samples[0][1] > 0
            assert not agent.samples("site_grown_bytes", pid=idle.pid)
            page = agent.get("/?pid=%d" % pid).decode()
            assert "Lines that took what stays" in page and "fleet_worker.py:" in page
            assert agent.processes()[pid]["traces"] == 0
            assert not breakpoints.differences(pid)
            assert agent.status("/api/v1/report?pid=%d&of=luck" % pid) == 400
            assert agent.status("/api/v1/report?pid=%d" % pid) == 404


def test_switched_off_and_on(tmp_path):
    config = tmp_path / "agent.conf"
    with worker("leak") as leaking:
        config.write_text("growth-stacks = no\n")
        with Agent("--comm", "fleet-worker", "--config", config, "--trace-time", "1h") as agent:

            def followed():
                return json.loads(agent.get("/api/v1/agent"))["growth_followed"]

            agent.until(lambda: leaking.pid in agent.processes())
            agent.until(lambda: agent.processes()[leaking.pid]["memory"]["growth_per_s"])
            assert agent.status("/api/v1/report?pid=%d&of=growth" % leaking.pid) == 404
            assert followed() == 0
            config.write_text("growth-stacks = yes\n")
            agent.signal(signal.SIGHUP)
            agent.until(lambda: followed() == 1)
            agent.until(lambda: growth(agent, leaking.pid))
            config.write_text("growth-stacks = no\n")
            agent.signal(signal.SIGHUP)
            agent.until(lambda: followed() == 0)
            assert growth(agent, leaking.pid) is None


def test_killed_before_a_trace(tmp_path):
    """A process that fills its cgroup in no time: there was no trace, but which line it was is known."""
    limit = 96 << 20
    with MemoryCgroup(limit) as group:
        wrap = group.wrap()
        with harness.Fixture(PYTHON, "growth_blowup.py", wrap=wrap) as blown:
            with Agent("--oom-dir", tmp_path, "--trace-time", "1h") as agent:
                agent.until(lambda: blown.pid in agent.processes())
                blown.go()

                def kept():
                    for line in agent.lines:
                        found = re.search(r"its last report is in (\S+/oom-\S+\.json)$", line)
                        if found:
                            return json.loads(Path(found.group(1)).read_text())
                    return None

                last = agent.until(kept)
                assert last["pid"] == blown.pid, last
                sites = last["grown"]["sites"] if last["schema"] == "pyleak.oom/1" else last["processes"][0]["sites"]
                assert (sites[0]["file"], sites[0]["function"]) == ("growth_blowup.py", "blow_up"), last


def test_all_shows_it():
    """--all: the line below the process that grows, as long as no trace says more."""
    with worker("leak"), worker("leak"):
        options = ("--comm", "fleet-worker", "--interval", "1s", "--trace-time", "1h", "--max-traced", "1")
        code, text, lines = harness.tool("--all", *options, "-d", "25s")
    assert code == 0, lines
    assert re.search(r"took \S+ \S+ of what stays: .*\(fleet_worker\.py:\d+\)", text), text
