# SPDX-License-Identifier: BSD-2-Clause
"""A process that fills its memory cgroup until it is killed: its last report is there before and after."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import harness
from memory_cgroup import MemoryCgroup
from test_agent import PYTHON, Agent, leak_line

pytestmark = pytest.mark.usefixtures("can_trace")

LIMIT = 64 << 20
FAST = "0.002"  # seconds between two sessions of 2 KB that are kept


def leaking_worker(wrap):
    return harness.Fixture(PYTHON, "fleet_worker.py", "leak", FAST, wrap=wrap)


def kept(agent, why):
    """The file that the agent says it has written, NULL = none yet."""
    for line in agent.lines:
        found = re.search(r"its last report is in (\S+/%s-\S+\.json)$" % why, line)
        if found:
            return Path(found.group(1))
    return None


def leaks_in(path):
    text = json.loads(path.read_text())
    if text["schema"] != "pyleak.report/1":
        return []
    (process,) = text["processes"]
    return [site["line"] for site in process["sites"] if site["file"] == "fleet_worker.py"]


def test_killed_for_memory(tmp_path):
    with MemoryCgroup(LIMIT) as group, leaking_worker(group.wrap()) as worker:
        with Agent("--comm", "fleet-worker", "--oom-dir", tmp_path) as agent:
            near = agent.until(lambda: kept(agent, "near"))
            assert worker.alive()
            assert agent.processes()[worker.pid]["memory"]["limit"] == LIMIT
            agent.until(lambda: leak_line() in leaks_in(near))
            oom = agent.until(lambda: kept(agent, "oom"))
            assert leak_line() in leaks_in(oom)
            assert any("process %d is killed for memory" % worker.pid in line for line in agent.lines)
            agent.until(lambda: worker.pid not in agent.processes())
    assert str(worker.pid) in oom.name and "fleet-worker" in oom.name


def test_own_view():
    """The agent in a cgroup namespace of its own, as in a pod: the process's group is outside, and has a limit all the same."""
    with MemoryCgroup(LIMIT) as group, leaking_worker(group.wrap_with_own_view()) as worker:
        with MemoryCgroup(1 << 40) as other:
            wrap = other.wrap("unshare", "--cgroup")
            with Agent("--comm", "fleet-worker", wrap=wrap) as agent:
                agent.until(lambda: worker.pid in agent.processes())
                shown = agent.processes()[worker.pid]
                assert shown["cgroup"].startswith("/..")
                assert shown["memory"]["limit"] == LIMIT


def test_full_disk(tmp_path):
    """Neither the reports of --oom-dir nor the log have a place: it is said, nothing half is left, and the agent goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        (disk / "rest").write_bytes(bytes(64 << 10))
        with open("/dev/full", "w") as full, MemoryCgroup(LIMIT) as group:
            options = ("--comm", "fleet-worker", "--oom-dir", disk)
            with leaking_worker(group.wrap()) as worker, Agent(*options, stdout=full) as agent:
                agent.until(lambda: sum("No space left on device" in line for line in agent.lines) > 1)
                agent.until(lambda: agent.samples("leak_growth_bytes_per_second", pid=worker.pid))
                agent.until(lambda: any("cannot be written" in line for line in agent.lines))
                assert agent.get("/healthz")
                assert [one.name for one in disk.iterdir()] == ["rest"]
    finally:
        subprocess.run(["umount", disk], check=True)
