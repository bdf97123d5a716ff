# SPDX-License-Identifier: BSD-2-Clause
"""pyleak-bpf agent and --all: a worker that leaks among others is found, looked at, and told of."""

import contextlib
import gzip
import http.client
import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import harness

pytestmark = pytest.mark.usefixtures("built")

QUICK = ("--interval", "1s", "--trace-time", "15s", "--census-interval", "2s", "--max-traced", "1")
PYTHON = "/usr/bin/python3"


def worker(kind):
    return harness.Fixture(PYTHON, "fleet_worker.py", kind)


class Agent(harness.Tool):
    """The agent, on a port of its own; what it writes is read as it comes."""

    def __init__(self, *options, wrap=(), stdout=subprocess.PIPE):
        super().__init__(
            "agent", "--listen", "127.0.0.1:0", *QUICK, *options, stdout=stdout, wrap=wrap
        )
        self.port = None
        self.events = []
        if stdout == subprocess.PIPE:
            threading.Thread(target=self._read_events, daemon=True).start()
        self.until(self._find_port)

    def _read_events(self):
        for line in self.popen.stdout:
            self.events.append(json.loads(line))

    def _find_port(self):
        for line in self.lines:
            found = re.search(r"listening on \S+:(\d+);", line)
            if found:
                self.port = int(found.group(1))
        return self.port

    def until(self, condition):
        """What condition returns when that is something; the process's guard ends a wait without end."""
        while True:
            value = condition()
            if value:
                return value
            assert self.popen.poll() is None, self.stderr
            time.sleep(0.1)

    def get(self, path):
        url = "http://127.0.0.1:%d%s" % (self.port, path)
        with urllib.request.urlopen(url, timeout=harness.HANG) as answer:
            return answer.read()

    def status(self, path):
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    def processes(self):
        return {one["pid"]: one for one in json.loads(self.get("/api/v1/processes"))}

    def samples(self, name, **labels):
        """Values of a metric whose labels are these."""
        found = []
        for line in self.get("/metrics").decode().splitlines():
            matched = re.fullmatch(r"pyleak_%s(?:\{(.*)\})? (\S+)" % name, line)
            if not matched:
                continue
            have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', matched.group(1) or ""))
            if all(have.get(key) == str(value) for key, value in labels.items()):
                found.append((have, float(matched.group(2))))
        return found


def leak_line():
    text = (harness.FIXTURES / "fleet_worker.py").read_text().splitlines()
    return 1 + next(i for i, line in enumerate(text) if line.endswith("# LEAK"))


@pytest.fixture(scope="module")
def fleet(built):
    """The agent, the worker that leaks, those that do not; when a leak has been told of."""
    with worker("leak") as leaking, worker("work") as working, worker("idle") as idle:
        with Agent("--comm", "fleet-worker") as agent:
            event = agent.until(lambda: agent.events and agent.events[0])
            yield agent, leaking, (working, idle), event


def test_names_the_leak(fleet):
    agent, leaking, others, event = fleet
    assert event["event"] == "leak_first_seen" and event["pid"] == leaking.pid
    assert event["file"] == "fleet_worker.py"
    assert event["function"] in ("handle", "Session.__init__")
    assert re.fullmatch("[0-9a-f]{16}", event["signature"])
    assert {one["pid"] for one in agent.events} == {leaking.pid}
    for other in others:
        assert not agent.samples("leak_growth_bytes_per_second", pid=other.pid)


def test_metrics(fleet):
    agent, leaking, others, event = fleet
    labels, growth = agent.samples("leak_growth_bytes_per_second", pid=leaking.pid)[0]
    assert labels["signature"] == event["signature"] and labels["comm"] == "fleet-worker"
    assert growth > 10e3
    assert {labels["file"] for labels, _ in agent.samples("site_live_bytes", pid=leaking.pid)} & {
        "fleet_worker.py"
    }
    for process in (leaking, *others):
        assert agent.samples("process_resident_bytes", pid=process.pid)[0][1] > 1e6
        assert agent.samples("python_blocks", pid=process.pid)[0][1] > 1000
        assert len(agent.samples("gc_collections_total", pid=process.pid)) == 3
    assert agent.samples("build_info") and agent.samples("agent_resident_bytes")[0][1] > 1e6


def test_api(fleet):
    agent, leaking, others, _ = fleet
    processes = agent.processes()
    assert {leaking.pid, *(other.pid for other in others)} <= set(processes)
    report = json.loads(agent.get("/api/v1/report?pid=%d" % leaking.pid))
    assert report["schema"] == "pyleak.report/1"
    assert report["processes"][0]["pid"] == leaking.pid
    assert agent.get("/api/v1/flamegraph?pid=%d" % leaking.pid).startswith(b"<?xml")
    assert gzip.decompress(agent.get("/debug/pprof/heap?pid=%d" % leaking.pid))
    assert b"fleet_worker" in agent.get("/")
    assert agent.get("/healthz") and agent.get("/readyz")
    targets = {one["labels"]["__param_pid"]: one for one in json.loads(agent.get("/api/v1/targets"))}
    assert targets[str(leaking.pid)]["targets"] == ["localhost:%d" % agent.port]
    assert agent.status("/api/v1/report?pid=%d" % others[1].pid) == 404
    assert agent.status("/debug/pprof/heap?pid=1") == 404
    assert agent.status("/nothing") == 404


def test_trace_on_demand(fleet):
    agent, leaking, *_ = fleet
    before = agent.processes()[leaking.pid]["traces"]
    profile = agent.get("/debug/pprof/heap?pid=%d&seconds=6" % leaking.pid)
    assert agent.processes()[leaking.pid]["traces"] == before + 1
    assert b"fleet_worker.py" in gzip.decompress(profile)


def test_comes_and_goes(fleet):
    agent, *_ = fleet
    with worker("idle") as new:
        agent.until(lambda: new.pid in agent.processes())
        assert agent.samples("process_resident_bytes", pid=new.pid)
    agent.until(lambda: new.pid not in agent.processes())
    assert not agent.samples("process_resident_bytes", pid=new.pid)


def start_trace(agent, pid):
    """Has it traced, and waits for that to begin; nobody waits for its end."""
    agent.until(lambda: pid in agent.processes())

    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            agent.status("/debug/pprof/heap?pid=%d&seconds=60" % pid)

    threading.Thread(target=ask, daemon=True).start()
    agent.until(lambda: agent.processes()[pid]["attention"] == "traced")


def test_ends_well():
    """In the middle of a trace: the probes come out, and the process goes on."""
    with worker("work") as working, Agent("--comm", "fleet-worker") as agent:
        start_trace(agent, working.pid)
        assert agent.finish(signal.SIGTERM) == 0, agent.stderr
        assert working.alive()


def test_killed():
    """Nothing is left behind of an agent that is killed: those that trace for it end, too."""
    with worker("work") as working, Agent("--comm", "fleet-worker") as agent:
        start_trace(agent, working.pid)
        listed = subprocess.run(
            ["pgrep", "-P", str(agent.pid)], stdout=subprocess.PIPE, text=True, check=True
        )
        children = listed.stdout.split()
        agent.signal(signal.SIGKILL)
        agent.popen.wait()
        while any(Path("/proc", child).exists() for child in children):
            time.sleep(0.1)
        assert working.alive()


def test_target_dies():
    """While it is traced: what was seen until then is still told, and the agent goes on."""
    with worker("work") as working, Agent("--comm", "fleet-worker") as agent:
        start_trace(agent, working.pid)
        working.signal(signal.SIGKILL)
        working.popen.wait()
        agent.until(lambda: working.pid not in agent.processes())
        agent.until(lambda: json.loads(agent.get("/api/v1/agent"))["traced"] == 0)
        assert agent.get("/healthz")


def test_all(tmp_path):
    with worker("leak") as leaking, worker("work"):
        out = tmp_path / "all.json"
        code, text, lines = harness.tool(
            "--all", "--comm", "fleet-worker", *QUICK, "-d", "45s", "-o", out,
            "--fail-on", "leak",
        )  # fmt: skip
    assert code == 3, lines
    assert "fleet_worker.py" in text and str(leaking.pid) in text
    report = json.loads(out.read_text())
    assert leaking.pid in [process["pid"] for process in report["processes"]]


def test_others_are_wanted(tmp_path):
    """After a reload: who is excluded now is not watched any more, who is not any more is."""
    config = tmp_path / "agent.conf"
    with worker("idle") as first, worker("leak") as second:
        config.write_text("exclude = *worker.py idle*\n")
        with Agent("--comm", "fleet-worker", "--config", config) as agent:
            agent.until(lambda: second.pid in agent.processes())
            assert first.pid not in agent.processes()
            config.write_text("exclude = *worker.py leak*\n")
            agent.signal(signal.SIGHUP)
            agent.until(lambda: second.pid not in agent.processes())
            agent.until(lambda: first.pid in agent.processes())


@pytest.mark.parametrize(
    "options, says",
    [
        (("--listen", "0.0.0.0:0"), "token"),
        (("--listen", "nowhere"), "nowhere"),
        (("--config", "/nowhere/at/all"), "/nowhere/at/all"),
        (("--duration", "5s"), "--duration"),
    ],
)
def test_bad_input(options, says):
    code, _, lines = harness.tool("agent", *options)
    assert code in (1, 2) and len(lines) == 1 and says in lines[0], lines
