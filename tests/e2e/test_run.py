# SPDX-License-Identifier: BSD-2-Clause
"""Commands started by the tool, several processes at once, and what goes to stdout."""

import json
import re
import signal
import subprocess
import sys

import pytest

from harness import FIXTURES, Fixture, Report, Tool, tool, trace

pytestmark = pytest.mark.usefixtures("can_trace")

FOLDED = re.compile(r"^\S.* \d+$")


def started(tmp_path, command, *options):
    """Run a fixture by `-- CMD`; its truth and the report."""
    out = tmp_path / "out.json"
    with Tool(
        "-q", "-m", "exact", "-i", "1s", "-o", out, *options, "--", *command,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.popen.stdin.write("\n\n\n")
        process.popen.stdin.close()
        said = process.popen.stdout.read().splitlines()
        assert process.finish() == 0, process.stderr
    truths = {line.split()[1]: json.loads(line.split(" ", 2)[2]) for line in said[1:]}
    return truths, out


@pytest.mark.parametrize("through", ["itself", "sh", "shim"])
def test_command(tmp_path, some_python, through):
    script = [some_python.path, "-B", str(FIXTURES / "dead_code.py")]
    if through == "sh":
        script = ["sh", "-c", 'exec "$0" "$@"', *script]
    if through == "shim":
        shim = tmp_path / "python"
        shim.write_text(
            '#!/usr/bin/env bash\nset -e\nprogram="${0##*/}"\nexport SHIM="$program"\n'
            'exec "%s" "$@"\n' % some_python.path
        )
        shim.chmod(0o755)
        script[0] = str(shim)
    truths, out = started(tmp_path, script)
    report = Report(out)
    assert report.process["python"]["version"] == some_python.version
    by_size = {stack["live_bytes"] for stack in report.stacks}
    assert {truth["bytes"] for truth in truths["live"]} <= by_size
    # from the first instruction: the imports that an interpreter begins with
    assert any(site["path"] == "<frozen importlib._bootstrap>" for site in report.sites)


def test_command_every_python(tmp_path, python):
    _, out = started(tmp_path, [python.path, "-B", FIXTURES / "leak_raw.py", 1000])
    report = Report(out)
    leak = [s for s in report.sites if s["function"] == "leak" and s["domain"] == "raw"]
    assert len(leak) == 1
    # the 100 of the warm-up are seen too
    assert leak[0]["alloc_count"] >= 1100
    assert leak[0]["live_count"] == 0


def test_command_finished_normally(tmp_path, some_python):
    """An interpreter that takes itself down frees what it leaked, nearly."""
    code = "keep = [bytearray(1000) for i in range(1000)]\nprint(len(keep))"
    out = tmp_path / "out.json"
    status, said, lines = tool("-q", "-m", "exact", "-o", out, "--", some_python.path, "-c", code)
    assert (status, said) == (0, "1000\n"), lines
    report = Report(out)
    made = [s for s in report.sites if s["path"] == "<string>" and s["domain"] == "raw"]
    assert sum(site["alloc_count"] for site in made) >= 1000
    assert sum(site["live_count"] for site in made) <= 1


@pytest.mark.parametrize("command", ["/nonexistent/python3", "no-such-command-of-any-kind", "/"])
def test_command_not_found(command):
    code, out, lines = tool("-m", "exact", "--", command)
    assert code in (1, 2) and out == ""
    assert len(lines) == 1 and lines[0].startswith("pyleak-bpf: ") and command in lines[0]


def test_command_not_python():
    code, out, lines = tool("-m", "exact", "--", "true")
    assert code in (1, 77) and out == ""
    assert len(lines) == 1 and lines[0].startswith("pyleak-bpf: ") and "ython" in lines[0]


@pytest.mark.parametrize("end", ["signal", "duration"])
def test_command_outlives_tracing(tmp_path, one_python, end):
    """The tool ends first: the report is written and the command goes on undisturbed."""
    out = tmp_path / "out.json"
    program = "print('READY', flush=True); input(); print('went on')"
    options = ["-d", "1s"] if end == "duration" else []
    with Tool(
        "-q", "-m", "exact", "-o", out, *options, "--", one_python.path, "-c", program,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.popen.stdout.readline() == "READY\n"
        if end == "signal":
            process.signal(signal.SIGINT)
        assert process.wait() == 0, process.stderr
        Report(out)
        process.popen.stdin.write("\n")
        process.popen.stdin.close()
        assert process.popen.stdout.read() == "went on\n"


def test_several_processes(tmp_path, some_python):
    other = sys.executable
    with Fixture(some_python.path, "leak_raw.py", 3000) as one, Fixture(
        other, "leak_raw.py", 2000
    ) as two, Fixture(other, "leak_raw.py") as ending:
        out = tmp_path / "out.json"
        pids = [word for target in (one, two, ending) for word in ("--pid", target.pid)]
        with Tool(*pids, "-m", "exact", "-i", "1s", "-o", out) as process:
            process.wait_started()
            truths = {target.pid: target.run_to("live") for target in (one, two, ending)}
            ending.popen.kill()
            ending.wait()
            assert process.finish(signal.SIGINT) == 0, process.stderr
    for pid, truth in truths.items():
        Report(out, pid).assert_truths(truth)


def test_two_tracers(tmp_path, one_python):
    """Two tools on one process do not disturb each other."""
    with Fixture(one_python.path, "leak_raw.py") as target:
        outs = [tmp_path / "a.json", tmp_path / "b.json"]
        with Tool("--pid", target.pid, "-m", "exact", "-o", outs[0]) as first, Tool(
            "--pid", target.pid, "-m", "exact", "-o", outs[1]
        ) as second:
            first.wait_started()
            second.wait_started()
            truth = target.run_to("live")
            assert first.finish(signal.SIGINT) == 0, first.stderr
            assert second.finish(signal.SIGINT) == 0, second.stderr
    for out in outs:
        Report(out, target.pid).assert_truths(truth)


def test_container(tmp_path, some_python, needs):
    """A target in PID and mount namespaces of its own, as in a container."""
    needs("unshare")
    wrap = ["unshare", "-mpf", "--mount-proc", "--kill-child"]
    with Fixture(some_python.path, "leak_raw.py", wrap=wrap) as parent:
        children = "/proc/%d/task/%d/children" % (parent.pid, parent.pid)
        parent.pid = int(open(children).read().split()[0])
        run = trace(tmp_path, parent)
    run.report.assert_truths(run.truth)


@pytest.mark.parametrize("duration", ["200ms", "1s"])
def test_duration(tmp_path, one_python, duration):
    out = tmp_path / "out.json"
    with Fixture(one_python.path, "leak_raw.py") as target:
        arguments = ["-q", "-m", "exact", "-d", duration, "-o", out]
        code, said, lines = tool("--pid", target.pid, *arguments)
        assert (code, said, lines) == (0, "", [])
        assert target.alive()
    assert Report(out, target.pid).json["duration_s"] >= float(duration.rstrip("ms")) / (
        1000 if duration.endswith("ms") else 1
    )


def test_outputs_agree(tmp_path, some_python):
    """The folded stacks add up to the report; the flame graph is there too."""
    with Fixture(some_python.path, "leak_raw.py") as target:
        run = trace(tmp_path, target, outputs=("out.json", "out.folded", "out.svg"))
    run.report.assert_truths(run.truth)
    lines = (tmp_path / "out.folded").read_text().splitlines()
    assert lines and all(FOLDED.match(line) for line in lines)
    (truth,) = run.truth
    frame = "leak (leak_raw.py:%d)" % truth["line"]
    leaking = [line for line in lines if frame in line.rpartition(" ")[0].split(";")]
    (site,) = run.report.sites_of(truth)
    in_folded = sum(int(line.rpartition(" ")[2]) for line in leaking)
    there = [s for s in run.report.sites if s["function"] == "leak" and s["line"] == truth["line"]]
    assert site["live_bytes"] <= in_folded <= sum(s["live_bytes"] or 0 for s in there)
    assert "<svg" in (tmp_path / "out.svg").read_text()[:2000]


@pytest.mark.parametrize("name", ["folded", "json"])
def test_stdout(tmp_path, one_python, name):
    """stdout carries what was asked for and nothing else."""
    arguments = ["-m", "exact", "-i", "100ms", "-o", "-", "-f", name]
    with Fixture(one_python.path, "leak_raw.py") as target:
        with Tool("--pid", target.pid, *arguments, stdout=subprocess.PIPE) as process:
            process.wait_started()
            target.run_to("live")
            process.signal(signal.SIGINT)
            out = process.popen.stdout.read()
            assert process.finish() == 0, process.stderr
    if name == "json":
        assert json.loads(out)["schema"] == "pyleak.report/1"
    else:
        assert out and all(FOLDED.match(line) for line in out.splitlines())


def test_text(tmp_path, some_python):
    """For people, where nothing else takes stdout; no colour or redraw without a terminal."""
    with Fixture(some_python.path, "leak_raw.py") as target:
        run = trace(tmp_path, target, interval="100ms")
    (truth,) = run.truth
    assert "leak (leak_raw.py:%d)" % truth["line"] in run.text
    assert some_python.version in run.text
    assert "{:,}".format(truth["live_count"]) in run.text
    assert "\x1b" not in run.text
