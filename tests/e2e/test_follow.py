# SPDX-License-Identifier: BSD-2-Clause
"""--follow: children of what is traced, made by fork and by exec."""

import json
import signal
import subprocess
import sys

import pytest

import harness

pytestmark = pytest.mark.usefixtures("can_trace")


def wait_for_children(tool, pids):
    """Until the tool has said of each that it is traced."""
    while not all(
        any("process %d, a child, is traced" % pid in line for line in tool.lines) for pid in pids
    ):
        assert not tool.ended.wait(0.05), tool.stderr


def trace_family(python, *options):
    """family.py traced from before it has children until each has leaked: its PID, theirs, and the truth of each."""
    with harness.Fixture(python.path, "family.py") as master:
        arguments = ["--pid", master.pid, "--follow", "-m", "exact", "-i", "1s", *options]
        with harness.Tool(*arguments) as tool:
            tool.wait_started()
            pids = master.run_to("born")["pids"]
            wait_for_children(tool, pids)
            truth = master.run_to("live")["of_each"]
            assert tool.finish(signal.SIGINT) == 0, tool.stderr
    return master.pid, pids, truth


def test_family(tmp_path, some_python):
    out = tmp_path / "out.json"
    master, pids, truth = trace_family(some_python, "-o", out)
    for pid in pids:
        report = harness.Report(out, pid)
        site = report.sites_of(truth)[0]
        assert [site["live_bytes"], site["live_count"]] == [
            truth["live_bytes"], truth["live_count"]
        ]  # fmt: skip
        report.assert_nothing_lost()
    # What they have inherited is not theirs, and that they let go of it no loss.
    for pid in pids[:2]:
        report = harness.Report(out, pid)
        assert report.lost["unmatched_frees"] >= 5000
        assert sum(site["live_count"] for site in report.sites) < 2000
    assert not harness.Report(out, master).sites_of(truth)


def test_merged_family(tmp_path, some_python):
    """One process in the report, and in it what each child holds, by stack, by site and in the flame graph."""
    outputs = [tmp_path / name for name in ("out.json", "out.folded", "out.lines")]
    options = [word for path in outputs for word in ("-o", path)]
    master, pids, truth = trace_family(some_python, "--merge", *options)
    report = harness.Report(outputs[0])
    assert report.process["pid"] == master
    assert sorted(report.process["merged"]) == sorted(pids)
    sums = [len(pids) * truth["live_bytes"], len(pids) * truth["live_count"]]
    assert report.figures(truth) == sums
    # A call that a child was in when its probes came may have no end that is seen; the fixture's own are later.
    report.assert_nothing_lost("missing_exits", "events")
    # Those that were forked have the same stack, the one that was started has another.
    (site,) = report.sites_of(truth)
    of_site = [stack["live_count"] for stack in report.stacks if stack["id"] in site["stacks"]]
    assert sorted(count for count in of_site if count) == [
        truth["live_count"], 2 * truth["live_count"]
    ]  # fmt: skip
    # Where a stack is said to have blocks, it has them of all layers that a flame graph adds up.
    lines = outputs[1].read_text().splitlines()
    name = "%s (%s:%d)" % (truth["function"], "family.py", truth["line"])
    in_folded = sum(int(line.rpartition(" ")[2]) for line in lines if name in line)
    there = [s for s in report.sites if s["path"] == truth["path"] and s["line"] == truth["line"]]
    assert sums[0] <= in_folded <= sum(s["live_bytes"] for s in there)
    assert "# KEPT" in outputs[2].read_text()


@pytest.mark.parametrize("option, count", [("--follow", 2), ("--no-follow", 1)])
def test_command(tmp_path, option, count):
    """Children of a command are followed unless said otherwise; they may outlive it."""
    out = tmp_path / "out.json"
    inner = "import time; kept = [bytearray(5000) for _ in range(300)]; time.sleep(3)"
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', %r])" % inner
    options = [] if option == "--follow" else [option]
    status, _, lines = harness.tool(
        "-m", "exact", "-o", out, *options, "--", sys.executable, "-c", code
    )
    assert status == 0, lines
    assert len(json.loads(out.read_text())["processes"]) == count


def test_merged_command(tmp_path):
    """Who started a child need not be a Python; what has ended before the end is in the report as well."""
    out, child, go = (tmp_path / name for name in ("out.json", "child.py", "go"))
    child.write_text(
        "import os, sys, time\n"
        "def make():\n"
        "    return bytearray(5000)\n"
        "while not os.path.exists(sys.argv[1]):\n"
        "    time.sleep(0.05)\n"
        "kept = [make() for _ in range(300)]\n"
    )
    command = "%s %s %s; true" % (sys.executable, child, go)
    code = "import subprocess; subprocess.run(['sh', '-c', %r])" % command
    arguments = ["-m", "exact", "--merge", "-o", out, "--", sys.executable, "-c", code]
    with harness.Tool(*arguments) as tool:
        while not any("a child, is traced" in line for line in tool.lines):
            assert not tool.ended.wait(0.05), tool.stderr
        go.touch()
        assert tool.finish() == 0, tool.stderr
    report = harness.Report(out)
    assert len(report.process["merged"]) == 1
    assert report.process["end"]
    made = [site for site in report.sites if (site["function"], site["domain"]) == ("make", "raw")]
    assert [site["alloc_count"] for site in made] == [300]


def test_children_that_are_no_pythons(tmp_path):
    """They come and go, and the session goes on."""
    out = tmp_path / "out.json"
    code = "import subprocess\nfor _ in range(30): subprocess.run(['true'])\ninput()"
    with harness.Process(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as target:
        status, _, lines = harness.tool("--pid", target.pid, "--follow", "-d", "4s", "-o", out)
    assert status == 0, lines
    assert len(json.loads(out.read_text())["processes"]) == 1
