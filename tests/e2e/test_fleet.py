# SPDX-License-Identifier: BSD-2-Clause
"""The agent among what it is used with: Prometheus, Django under gunicorn, several hosts, processes without number."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

import harness
from test_agent import PYTHON, Agent, worker

pytestmark = pytest.mark.usefixtures("built")

TREE = Path(__file__).resolve().parents[2]
RULES = TREE / "deploy" / "prometheus" / "rules.yml"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def needs(*commands):
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))


class Prometheus(harness.Process):
    """Debian's, with our rules; it looks every second."""

    def __init__(self, directory, targets, token=None):
        self.port = free_port()
        job = {"job_name": "pyleak-bpf", "static_configs": [{"targets": targets}]}
        if token:
            job["authorization"] = {"credentials": token}
        config = directory / "prometheus.yml"
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(RULES)],
                    "scrape_configs": [job],
                }
            )
        )
        super().__init__(
            [
                "prometheus",
                "--config.file=%s" % config,
                "--storage.tsdb.path=%s" % (directory / "data"),
                "--web.listen-address=127.0.0.1:%d" % self.port,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def get(self, path):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path)) as answer:
                return json.loads(answer.read())["data"]
        except OSError:
            assert self.popen.poll() is None, "prometheus ended"
            return None

    def until(self, condition):
        while True:
            value = condition()
            if value:
                return value
            time.sleep(0.2)

    def alerts(self, name):
        data = self.get("/api/v1/alerts") or {"alerts": []}
        return [
            alert
            for alert in data["alerts"]
            if alert["labels"]["alertname"] == name and alert["state"] == "firing"
        ]

    def query(self, text):
        data = self.get("/api/v1/query?query=" + urllib.request.quote(text))
        return data and data["result"]


def test_alert(tmp_path):
    """A worker leaks: Prometheus, which scrapes the agent, tells people."""
    needs("prometheus", "promtool")
    with worker("leak") as leaking, worker("work"), Agent("--comm", "fleet-worker") as agent:
        with Prometheus(tmp_path, ["127.0.0.1:%d" % agent.port]) as prometheus:
            alert = prometheus.until(lambda: prometheus.alerts("PyleakLeak"))[0]
            of_pid = prometheus.query('pyleak_leak_growth_bytes_per_second{pid="%d"}' % leaking.pid)
            everyone = prometheus.query("pyleak_leak_growth_bytes_per_second")
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=agent.get("/metrics"), capture_output=True
        )
    assert alert["labels"]["file"] == "fleet_worker.py"
    assert "fleet_worker.py" in alert["annotations"]["summary"]
    assert of_pid and len(everyone) == len(of_pid)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked


class Load:
    """Requests from several clients at once, until it ends."""

    CLIENTS = 6

    def __init__(self, port):
        self.url = "http://127.0.0.1:%d/" % port
        self.over = threading.Event()
        self.pids = set()
        self.clients = [threading.Thread(target=self._ask) for _ in range(self.CLIENTS)]

    def _ask(self):
        while not self.over.is_set():
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url) as answer:
                self.pids.add(json.loads(answer.read())["pid"])

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for client in self.clients:
            client.join()


def test_gunicorn(tmp_path):
    """Of four workers under load one leaks: the agent names that one, and the line."""
    needs("gunicorn")
    leaks = tmp_path / "leaks"
    port = free_port()
    environment = dict(
        os.environ, LEAKS=str(leaks), PYTHONPATH=str(harness.FIXTURES), PYTHONDONTWRITEBYTECODE="1"
    )
    command = [PYTHON, "-m", "gunicorn", "-w", "4", "-b", "127.0.0.1:%d" % port]
    with harness.Process(
        [*command, "fleet_site:application"], env=environment, stderr=subprocess.DEVNULL
    ) as master, Load(port) as load, Agent("--exclude", "*pytest*", "--trace-time", "25s") as agent:
        event = agent.until(lambda: [e for e in agent.events if e["file"] == "fleet_site.py"])[0]
        leaking = int(leaks.read_text())
        findings = {
            pid: [one for one in process["trace"]["findings"] if one["kind"] == "leak"]
            for pid, process in agent.processes().items()
            if process["trace"] and pid in load.pids
        }
        others = [pid for pid in load.pids if pid != leaking]
        master.signal(signal.SIGTERM)  # and its workers with it
        master.wait()
    text = (harness.FIXTURES / "fleet_site.py").read_text().splitlines()
    assert event["pid"] == leaking and event["signature"]
    assert "Visit" in text[event["line"] - 1] or "bytearray" in text[event["line"] - 1], event
    assert others and not any(findings.get(pid) for pid in others)


@contextlib.contextmanager
def namespace(name, number):
    """A network of its own, as a host has; reached from here at the address that is given back."""
    ip = lambda *words: subprocess.run(["ip", *words], check=True)
    address = "10.213.%d" % number
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", address + ".1/24", "dev", name)
        ip("link", "set", name, "up")
        ip("-n", name, "addr", "add", address + ".2/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield address + ".2"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def test_two_hosts(tmp_path):
    """Two agents, each at its own address with a token, and one Prometheus."""
    needs("prometheus", "ip")
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    names = ["pyleak%d_%d" % (os.getpid() % 10000, i) for i in (1, 2)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(worker("idle"))
        targets = []
        for number, name in enumerate(names):
            address = stack.enter_context(namespace(name, 10 + number))
            agent = stack.enter_context(
                harness.Tool(
                    "agent", "--listen", address + ":9797", "--token-file", token,
                    wrap=("ip", "netns", "exec", name),
                )
            )  # fmt: skip
            while not any("listening" in line for line in agent.lines):
                assert not agent.ended.wait(0.05), agent.stderr
            targets.append(address + ":9797")
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen("http://%s/metrics" % targets[0])
        prometheus = stack.enter_context(
            Prometheus(tmp_path, targets, token=token.read_text().strip())
        )
        seen = prometheus.until(
            lambda: len(prometheus.query("count by (instance) (pyleak_process_resident_bytes)") or [])
            == 2
            and prometheus.query("sum by (instance) (up)")
        )
    assert {one["metric"]["instance"] for one in seen} == set(targets)
    assert all(one["value"][1] == "1" for one in seen)


def test_processes_without_number():
    """A thousand Pythons that live for a moment, and ten thousand other processes: the agent is as it was."""
    fork = "import os\nfor _ in range(10000):\n    pid = os.fork()\n    if not pid: os._exit(0)\n    os.waitpid(pid, 0)"
    with worker("idle") as idle, Agent() as agent:
        agent.until(lambda: idle.pid in agent.processes())
        before = agent.samples("agent_resident_bytes")[0][1]
        subprocess.run([sys.executable, "-c", fork], check=True)
        for _ in range(1000):
            subprocess.run([PYTHON, "-I", "-S", "-c", ""], check=True)
        assert idle.pid in agent.processes()
        agent.until(
            lambda: all(Path("/proc/%d" % pid).exists() for pid in list(agent.processes()))
        )
        after = agent.samples("agent_resident_bytes")[0][1]
        assert agent.get("/healthz")
    assert after - before < 16e6


def test_hostile_names(tmp_path):
    """Names and arguments that are made to break out of metrics, JSON and HTML."""
    evil = '"} pyleak_x 1\n</script><script>alert(1)</script>\x1b[2J\\'
    code = "import sys; open('/proc/self/comm', 'w').write('a\"}b\\n<c>'); sys.stdin.readline()"
    with harness.Process(
        [PYTHON, "-c", code, evil], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as hostile, Agent() as agent:
        agent.until(lambda: hostile.pid in agent.processes())
        metrics = agent.get("/metrics").decode()
        page = agent.get("/").decode()
        assert "pyleak_x" in agent.processes()[hostile.pid]["cmdline"]
    if shutil.which("promtool"):
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=metrics.encode(), capture_output=True
        )
        assert checked.returncode == 0, checked
    assert "\npyleak_x" not in metrics and "\x1b" not in metrics + page
    assert "<script>alert" not in page and "<c>" not in page
