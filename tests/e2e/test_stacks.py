# SPDX-License-Identifier: BSD-2-Clause
"""Python stacks in the report equal those that Python itself saw at the same place."""

import collections
import os
import signal

import pytest

from harness import Fixture, Report, Tool, python_frames, trace

pytestmark = pytest.mark.usefixtures("can_trace")

MAX_FRAMES = 256
TRUNCATED = "[truncated]"


def by_frames(stacks, frames_of):
    grouped = collections.defaultdict(lambda: [0, 0])
    for stack, size, count in stacks:
        frames = frames_of(stack)
        figures = grouped[tuple(map(tuple, frames))]
        figures[0] += size
        figures[1] += count
    return grouped


def expected_frames(truth):
    cut = len(truth["frames"]) > MAX_FRAMES
    return truth["frames"][:MAX_FRAMES] + ([[TRUNCATED]] if cut else [])


def reported_frames(stack):
    cut = [[f["function"]] for f in stack["frames"] if f["function"] == TRUNCATED]
    assert not cut or stack["frames"][-1]["function"] == TRUNCATED
    return python_frames(stack) + cut


def assert_stacks(report, truths):
    """Every stack of the truth is there with exactly its blocks, frame by frame."""
    want = by_frames(((t, t["bytes"], 1) for t in truths), expected_frames)
    raw = [stack for stack in report.stacks if stack["domain"] == "raw"]
    have = by_frames(((s, s["live_bytes"], s["live_count"]) for s in raw), reported_frames)
    wrong = {frames: figures for frames, figures in want.items() if have.get(frames) != figures}
    assert not wrong, explain(wrong, have, raw, truths)
    for stack in raw:
        for frame in stack["frames"]:
            if frame["kind"] == "python":
                assert frame["file"] == os.path.basename(frame["path"])


def explain(wrong, have, raw, truths):
    lines = ["%d stacks are wrong" % len(wrong)]
    for frames, figures in list(wrong.items())[:10]:
        cases = {t["case"] for t in truths if tuple(map(tuple, expected_frames(t))) == frames}
        near = [
            [python_frames(s)[:6], s["live_count"]] for s in raw if s["live_bytes"] == figures[0]
        ]
        lines.append("%s: %s, reported %s" % (sorted(cases), figures, have.get(frames)))
        lines.append("    is       %s" % (frames[:6],))
        lines.append("    reported %s" % near)
    return "\n".join(lines)


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
