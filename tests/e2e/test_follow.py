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


def test_family(tmp_path, some_python):
    out = tmp_path / "out.json"
    with harness.Fixture(some_python.path, "family.py") as master:
        arguments = ["--pid", master.pid, "--follow", "-m", "exact", "-i", "1s", "-o", out]
        with harness.Tool(*arguments) as tool:
            tool.wait_started()
            pids = master.run_to("born")["pids"]
            wait_for_children(tool, pids)
            truth = master.run_to("live")["of_each"]
            assert tool.finish(signal.SIGINT) == 0, tool.stderr
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
    assert not harness.Report(out, master.pid).sites_of(truth)


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
