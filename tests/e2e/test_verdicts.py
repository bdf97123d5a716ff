# SPDX-License-Identifier: BSD-2-Clause
"""What the report says of growth: which line, what it is, who holds it, whether it is a leak."""

import json
import signal

import pytest

from harness import Fixture, Report, Tool

SECONDS = 20  # that a process is watched; enough looks for a line through them, not a limit of anything's


# As in a container that may look at processes and may not load BPF programs.
NO_BPF = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+sys_ptrace,+dac_override"]


def judge(tmp_path, python, kind, *options, wrap=()):
    """(report, truth, exit status)"""
    out = tmp_path / "out.json"
    with Fixture(python.path, "verdicts.py", kind) as target:
        with Tool("--pid", target.pid, "-i", "1s", "-o", out, *options, wrap=wrap) as process:
            if "census" not in options and not wrap:
                process.wait_started()
            target.run_to("serving")
            assert not process.ended.wait(SECONDS), process.stderr
            status = process.finish(signal.SIGINT)
            if wrap:
                assert any("CAP_BPF" in line for line in process.lines), process.stderr
        (truth,) = [target.run_to("stopped")]
    return Report(out), truth, status


def leaks(report):
    return [verdict for verdict in report.process["verdicts"] if verdict["kind"] == "leak"]


@pytest.mark.usefixtures("can_trace")
def test_cache_that_grows(tmp_path, some_python):
    report, truth, status = judge(tmp_path, some_python, "cache", "--mode", "exact", "--fail-on", "leak")
    assert status == 3
    told = leaks(report)
    assert told, report.process["verdicts"]
    named = [verdict for verdict in told if verdict["types"][0]["name"] == truth["type"]]
    assert named, told
    (verdict,) = named
    assert verdict["container"] == truth["container"]
    assert verdict["cause"] in ("unbounded_cache", "object_retention")
    assert truth["container"] in " ".join(verdict["held_by"])
    site = report.process["sites"][verdict["site"]]
    assert (site["path"], site["line"]) == (truth["path"], truth["line"])
    assert verdict["growth_ci"][0] <= verdict["growth_per_s"] <= verdict["growth_ci"][1]
    bridge = report.process["memory"]["bridge"]
    assert sum(bridge.values()) == pytest.approx(report.process["memory"]["rss"], rel=0.05)


@pytest.mark.usefixtures("can_trace")
def test_memory_of_c_code(tmp_path, one_python):
    """What objects of C code have from malloc is theirs, though nothing says so but an address in them."""
    report, truth, _ = judge(tmp_path, one_python, "buffers", "--mode", "exact")
    (verdict,) = [each for each in leaks(report) if each["container"] == truth["container"]]
    assert verdict["cause"] == "object_retention"
    site = report.process["sites"][verdict["site"]]
    assert (site["path"], site["line"]) == (truth["path"], truth["line"])
    (memory,) = [
        each for each in report.process["sites"]
        if (each["path"], each["line"], each["domain"]) == (truth["path"], truth["line"], "raw")
    ]
    assert memory["types"][0]["name"] == truth["type"]
    assert memory["types"][0]["bytes"] >= 0.9 * memory["live_bytes"]


@pytest.mark.usefixtures("can_trace")
def test_ring_that_is_full(tmp_path, some_python):
    report, _, status = judge(tmp_path, some_python, "ring", "--mode", "exact", "--fail-on", "leak")
    assert status == 0 and not leaks(report), report.process["verdicts"]


def assert_told_by_reading(report, truth):
    assert report.process["trace"]["mode"] == "census"
    assert not report.process["sites"]
    told = [
        verdict
        for verdict in report.process["verdicts"]
        if verdict["kind"] in ("leak", "suspect")
        and truth["type"] in [kind["name"] for kind in verdict["types"]]
    ]
    assert told, report.process["verdicts"]
    assert truth["container"] in " ".join(told[0]["held_by"])


def test_without_probes(tmp_path, some_python):
    report, truth, _ = judge(tmp_path, some_python, "cache", "--mode", "census")
    assert_told_by_reading(report, truth)


def test_no_bpf_allowed(tmp_path, one_python, needs):
    """What is left of the default mode then."""
    needs("setpriv")
    report, truth, _ = judge(tmp_path, one_python, "cache", wrap=NO_BPF)
    assert_told_by_reading(report, truth)


@pytest.mark.usefixtures("can_trace")
def test_known_findings_do_not_fail(tmp_path, one_python):
    known = tmp_path / "known"
    known.write_text("# grows until the shop closes\nfile:verdicts.py\n")
    report, _, status = judge(
        tmp_path, one_python, "cache", "--mode", "exact", "--fail-on", "leak", "--suppress", known
    )
    assert status == 0
    assert all(
        verdict["suppressed"] for verdict in leaks(report) if verdict["site"] is not None
    ), json.dumps(report.process["verdicts"], indent=1)


def test_bad_suppressions(tmp_path):
    known = tmp_path / "known"
    known.write_text("file:a.py\ncolour:blue\n")
    with Tool("--pid", "1", "--suppress", known) as process:
        assert process.finish() == 2
    (line,) = process.lines
    assert "known:2" in line and "signature" in line
