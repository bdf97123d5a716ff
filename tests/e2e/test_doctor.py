# SPDX-License-Identifier: BSD-2-Clause
"""`pyleak-bpf doctor`: what it says of this machine and of a process is so, and it harms nothing."""

import json
import os
import shutil
import subprocess

import pytest

from harness import CANNOT_TRACE, PYLEAK, Fixture, Process, Tool, tool

FAILED, USAGE = 1, 2
PRICES = ["emulated_ns", "single_stepped_ns", "enter_and_return_ns"]
DROPPED = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c"]
TRIED_WITH_RIGHTS = ["BPF programs", "uprobes", "attach cookie", "ring buffer", "bpf_loop"]


def examined(*arguments, want=0):
    """The diagnosis as JSON."""
    code, out, lines = tool("doctor", *arguments, "-f", "json")
    assert code == want, lines
    diagnosis = json.loads(out)
    assert diagnosis["schema"] == "pyleak.doctor/1"
    return diagnosis, lines


def feature(diagnosis, name):
    (found,) = [each for each in diagnosis["features"] if each["name"] == name]
    return found


@pytest.fixture
def as_root(can_trace):
    pass


def test_kernel(as_root):
    """Where tracing works, so does all that it needs; each probe has its price."""
    diagnosis, lines = examined()
    assert lines == []
    assert diagnosis["can_trace"]
    assert diagnosis["kernel"]["release"] == os.uname().release
    assert diagnosis["processes"] == []
    missing = [each for each in diagnosis["features"] if each["required"] and not each["works"]]
    assert not missing
    assert all(each["purpose"] for each in diagnosis["features"])
    assert all(each["detail"] for each in diagnosis["features"] if not each["works"])
    for name in PRICES:
        assert diagnosis["prices"][name] > 0, diagnosis["prices"]
    assert diagnosis["prices"]["attach_100_ms"] >= 0


def test_tracepoints_beside_another_tracer(as_root):
    """A program of somebody else's on the same tracepoints does not make them look broken."""
    with Fixture("/usr/bin/python3", "leak_raw.py") as target:
        with Tool("--pid", target.pid, "-m", "growth") as other:
            other.wait_started()
            diagnosis, _ = examined()
            assert feature(diagnosis, "system call tracepoints")["works"] is True
            assert other.popen.poll() is None


def test_plan(as_root, some_python):
    """Each probe of the plan, with its place and the reason; none on a hot path of Debian's is slow."""
    with Fixture(some_python.path, "leak_raw.py") as target:
        diagnosis, lines = examined("--pid", target.pid)
        assert target.alive()
    assert lines == []
    (process,) = diagnosis["processes"]
    assert process["pid"] == target.pid and process["traceable"]
    assert process["python"]["version"] == some_python.version
    assert process["python"]["allocator"] == "pymalloc"
    assert process["python"]["pools_readable"]
    plan = process["plan"]
    assert plan["probes"]
    for probe in plan["probes"]:
        assert probe["instruction"] and probe["function"] and probe["module"] and probe["why"]
        assert probe["cost"] in ("emulated", "single-stepped", "optimized")
    kinds = [probe["kind"] for probe in plan["probes"]]
    if plan["pool_paths"]:
        assert kinds.count("pool_alloc") == plan["pool_allocations"] > 0
        assert kinds.count("pool_fresh") == plan["pool_first_blocks"] > 0
        assert kinds.count("pool_free") == plan["pool_releases"] > 0
    if some_python.is_system:
        assert plan["pool_paths"]
        # It multiplies, in rdx where an argument is, before anything that the kernel emulates.
        slow = {probe["function"] for probe in plan["probes"] if probe["cost"] != "emulated"}
        assert slow <= {"reallocarray"}
        functions = {probe["function"] for probe in plan["probes"]}
        assert {"malloc", "calloc", "realloc", "free"} <= functions


def test_text(as_root):
    """For people: no line wider than asked for, every probe on a line of its own."""
    with Fixture("/usr/bin/python3", "leak_raw.py") as target:
        env = {**os.environ, "COLUMNS": "80"}
        code, out, lines = tool("doctor", "--pid", target.pid, env=env)
        diagnosis, _ = examined("--pid", target.pid)
    assert (code, lines) == (0, [])
    assert max(map(len, out.splitlines())) <= 80
    assert "Can trace here." in out
    for probe in diagnosis["processes"][0]["plan"]["probes"]:
        assert probe["instruction"] in out
        assert probe["function"] in out
    for each in diagnosis["features"]:
        assert each["name"] in out


def test_file(as_root, tmp_path):
    path = tmp_path / "doctor.json"
    code, out, _ = tool("doctor", "-o", path)
    assert code == 0
    assert "Can trace here." in out
    assert json.loads(path.read_text())["can_trace"]


def test_text_of_target_is_escaped(as_root, tmp_path):
    """A process that calls itself something with control characters cannot move our cursor."""
    evil = tmp_path / "e\033[31mvil"
    shutil.copy(shutil.which("sleep"), evil)
    with Process([evil, "1000"]) as other:
        code, out, lines = tool("doctor", "--pid", other.pid)
    assert code == CANNOT_TRACE
    assert "\033" not in out + "".join(lines)
    assert "vil" in out


def test_processes_apart(as_root):
    """One that cannot be traced does not keep the others from being looked at."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with Fixture("/usr/bin/python3", "leak_raw.py") as target, Process(["sleep", "1000"]) as other:
        pids = [gone.pid, other.pid, target.pid]
        arguments = [word for pid in pids for word in ("--pid", pid)]
        diagnosis, lines = examined(*arguments, want=FAILED)
    assert len(lines) == 2 and str(gone.pid) in lines[0] and "sleep" in lines[1]
    assert [process["pid"] for process in diagnosis["processes"]] == pids
    assert [process["traceable"] for process in diagnosis["processes"]] == [False, False, True]
    assert diagnosis["processes"][1]["python"] is None
    assert diagnosis["processes"][2]["plan"]["probes"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--pid", "nonsense"], ["nonsense"]),
        (["-o", "report.svg"], ["report.svg", "json"]),
        (["-f", "svg"], ["svg", "json"]),
        (["--", "true"], ["doctor"]),
    ],
)
def test_usage(built, arguments, words, tmp_path):
    code, out, lines = tool("doctor", *arguments, cwd=tmp_path)
    assert (code, out, len(lines)) == (USAGE, "", 1), lines
    assert all(word in lines[0] for word in words)
    assert not list(tmp_path.iterdir())


def test_not_root(as_root, needs, tmp_path_factory):
    """Without rights: what can be known is said, what needs them is not called missing."""
    needs("setpriv")
    folder = tmp_path_factory.mktemp("anyone")
    for each in (folder, *list(folder.parents)[:-2]):
        each.chmod(0o755)
    copy = shutil.copy(PYLEAK, folder / "pyleak-bpf")
    wrap = [*DROPPED, 'exec "%s" "$@"' % copy]
    code, out, lines = tool("doctor", "-f", "json", wrap=wrap)
    assert code == CANNOT_TRACE
    assert len(lines) == 1 and "sudo" in lines[0]
    diagnosis = json.loads(out)
    assert not diagnosis["can_trace"]
    assert feature(diagnosis, "capabilities")["works"] is False
    assert feature(diagnosis, "BTF")["works"] is True
    for name in TRIED_WITH_RIGHTS:
        assert feature(diagnosis, name)["works"] is None
        assert "sudo" in feature(diagnosis, name)["detail"]
    assert set(diagnosis["prices"].values()) <= {None, False}


def test_no_btf(as_root, needs):
    """Something taken away is found missing by name, and the rest is still looked at."""
    needs("unshare")
    script = 'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"'
    wrap = ["unshare", "-m", "sh", "-c", script]
    code, out, lines = tool("doctor", "-f", "json", wrap=wrap)
    assert code == CANNOT_TRACE
    assert len(lines) == 1 and "BTF" in lines[0]
    diagnosis = json.loads(out)
    assert feature(diagnosis, "BTF")["works"] is False
    assert feature(diagnosis, "attach cookie")["works"] is True
