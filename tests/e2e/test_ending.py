# SPDX-License-Identifier: BSD-2-Clause
"""However the tracer ends, the target goes on and no probe stays in it."""

import json
import shutil
import signal
import subprocess
import threading

import pytest

from harness import HANG, Fixture, Report, Tool, trace

pytestmark = pytest.mark.usefixtures("can_trace")


def mapped_code(pid):
    """(address, length, file, offset) of everything executable that is mapped from a file."""
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if "x" in fields[1] and len(fields) == 6 and fields[5].startswith("/"):
                start, end = (int(number, 16) for number in fields[0].split("-"))
                yield start, end - start, fields[5].strip(), int(fields[2], 16)


def differences(pid):
    """Places where the code in memory is not that of the file: the breakpoints of probes."""
    found = []
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for start, length, path, offset in mapped_code(pid):
            with open(path, "rb") as file:
                file.seek(offset)
                want = file.read(length)
            memory.seek(start)
            have = memory.read(length)[: len(want)]
            if have != want:
                found += [
                    (path, hex(offset + i))
                    for i in range(len(want))
                    if have[i : i + 1] == b"\xcc" != want[i : i + 1]
                ]
    return found


def bpf_objects():
    """Programs and links that the kernel holds for uprobes and tracepoints of ours."""
    listed = json.loads(subprocess.check_output(["bpftool", "-j", "prog", "show"], text=True))
    return {item["id"] for item in listed}


def wait_until(condition):
    """The kernel takes probes out in its own time after a process has died."""
    over = threading.Event()
    guard = threading.Timer(HANG, over.set)
    guard.start()
    try:
        while not condition():
            assert not over.wait(0.01), "hung"
    finally:
        guard.cancel()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays(tmp_path, some_python, needs, number):
    if not shutil.which("bpftool"):
        pytest.skip("bpftool is not installed")
    before = bpf_objects()
    out = tmp_path / "out.json"
    with Fixture(some_python.path, "leak_raw.py") as target:
        assert differences(target.pid) == []
        with Tool("--pid", target.pid, "-m", "exact", "-o", out) as process:
            process.wait_started()
            assert differences(target.pid) != []
            assert bpf_objects() - before
            truth = target.run_to("live")
            code = process.finish(number)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        wait_until(lambda: not differences(target.pid) and not bpf_objects() - before)
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
