# SPDX-License-Identifier: BSD-2-Clause
"""However the tracer ends, the target goes on and no probe stays in it."""

import shutil
import signal

import pytest

from breakpoints import bpf_programs, differences, wait_until
from harness import Fixture, Report, Tool, trace

pytestmark = pytest.mark.usefixtures("can_trace")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays(tmp_path, some_python, needs, number):
    if not shutil.which("bpftool"):
        pytest.skip("bpftool is not installed")
    before = set(bpf_programs())
    out = tmp_path / "out.json"
    with Fixture(some_python.path, "leak_raw.py") as target:
        assert differences(target.pid) == []
        with Tool("--pid", target.pid, "-m", "exact", "-o", out) as process:
            process.wait_started()
            assert differences(target.pid) != []
            assert set(bpf_programs()) - before
            truth = target.run_to("live")
            code = process.finish(number)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        wait_until(lambda: not differences(target.pid) and not set(bpf_programs()) - before)
        if number == signal.SIGKILL:
            # and it can be traced again
            trace(tmp_path, target, "freed")
        else:
            Report(out, target.pid).assert_truths(truth)
            target.run_to("freed")


def test_second_interrupt(tmp_path, one_python):
    """Impatience does no harm."""
    out = tmp_path / "out.json"
    with Fixture(one_python.path, "leak_raw.py") as target:
        with Tool("--pid", target.pid, "-m", "exact", "-o", out) as process:
            process.wait_started()
            process.signal(signal.SIGINT)
            code = process.finish(signal.SIGINT)
        assert code in (0, -signal.SIGINT, 128 + signal.SIGINT)
        wait_until(lambda: not differences(target.pid))
        target.run_to("live")
