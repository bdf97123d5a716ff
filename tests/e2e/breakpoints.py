# SPDX-License-Identifier: BSD-2-Clause
"""What a tracer leaves in a process and in the kernel, seen without it."""

import json
import subprocess
import threading

from harness import HANG


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


def bpf_programs():
    """What the kernel holds, by id."""
    listed = json.loads(subprocess.check_output(["bpftool", "-j", "prog", "show"], text=True))
    return {item["id"]: item for item in listed}


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
