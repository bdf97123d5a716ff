# SPDX-License-Identifier: BSD-2-Clause
"""Python stacks in the report equal those that Python itself saw at the same place."""

import os
import signal

import pytest

from harness import Fixture, Report, Tool, python_frames, trace

pytestmark = pytest.mark.usefixtures("can_trace")

MAX_FRAMES = 256


def explain(truth, stacks):
    want = [tuple(frame) for frame in truth["frames"][:8]]
    got = [[tuple(frame) for frame in python_frames(stack)[:8]] for stack in stacks]
    return "%s: %d frames, %s...; reported: %s" % (truth["case"], len(truth["frames"]), want, got)


def is_right(stack, truth):
    frames = python_frames(stack)
    cut = len(truth["frames"]) > MAX_FRAMES
    return (
        frames == truth["frames"][:MAX_FRAMES]
        and stack["live_count"] == 1
        and all(f["file"] == os.path.basename(f["path"]) for f in stack["frames"] if "path" in f)
        and (stack["frames"][-1]["function"] == "[truncated]") == cut
    )


def assert_stacks(report, truths):
    by_size = {}
    for stack in report.stacks:
        by_size.setdefault(stack["live_bytes"], []).append(stack)
    wrong = [
        explain(truth, by_size.get(truth["bytes"], []))
        for truth in truths
        if not any(is_right(stack, truth) for stack in by_size.get(truth["bytes"], []))
    ]
    assert not wrong, "%d of %d stacks are wrong:\n%s" % (
        len(wrong),
        len(truths),
        "\n".join(wrong[:12]),
    )


def test_stacks(tmp_path, python):
    with Fixture(python.path, "stacks.py") as target:
        run = trace(tmp_path, target)
    assert len(run.truth) > 400
    assert_stacks(run.report, run.truth)
    run.report.assert_nothing_lost("truncated_stacks")


def test_code_and_process_gone(tmp_path, python):
    """Names survive the code objects, and the process: it ends by itself, the tool after it."""
    out = tmp_path / "out.json"
    with Fixture(python.path, "dead_code.py") as target:
        with Tool("--pid", target.pid, "-m", "exact", "-i", "1s", "-o", out) as process:
            process.wait_started()
            truth = target.run_to("live")
            target.go()
            assert target.wait() == 0
            assert process.finish() == 0, process.stderr
    assert_stacks(Report(out, target.pid), truth)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_target_killed(tmp_path, one_python, number):
    out = tmp_path / "out.json"
    with Fixture(one_python.path, "leak_raw.py") as target:
        with Tool("--pid", target.pid, "-m", "exact", "-o", out) as process:
            process.wait_started()
            truth = target.run_to("live")
            target.signal(number)
            target.wait()
            assert process.finish() == 0, process.stderr
    Report(out, target.pid).assert_truths(truth)
