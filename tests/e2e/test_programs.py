# SPDX-License-Identifier: BSD-2-Clause
"""What the BPF programs are to the kernel: instructions, and work for its verifier.

tests/golden/verifier.json has the figures by kernel (major.minor). UPDATE_GOLDEN=1 writes those of the kernel that runs;
inside a kernel of the matrix (tests/kernels/run shares this tree) the same command writes that kernel's.
"""

import ctypes
import glob
import json
import os
import platform
import struct
from pathlib import Path

import pytest

from harness import Fixture, Tool

pytestmark = pytest.mark.usefixtures("can_trace")

BASELINE = Path(__file__).resolve().parent.parent / "golden" / "verifier.json"
TOLERANCE = 1.2
LIMIT, ROOM = 1000000, 0.75  # the verifier's own limit; another kernel's may need a third more
FIGURES = ("verified_insns", "xlated_bytes")
ENABLED = Path("/proc/sys/kernel/bpf_stats_enabled")
KERNEL = ".".join(platform.release().split("-")[0].split(".")[:2])

# bpf(2): the system call by machine; the command; struct bpf_prog_info of include/uapi/linux/bpf.h up to verified_insns (5.16).
BPF = {"x86_64": 321, "aarch64": 280}
BPF_OBJ_GET_INFO_BY_FD = 15
INFO_SIZE = 220
PIDFD_GETFD = 438  # the same on every machine
IN_INFO = {"xlated_bytes": ("I", 20), "run_ns": ("Q", 192), "runs": ("Q", 200), "verified_insns": ("I", 216)}


def information(fd):
    """Of a program: name (its first 15 bytes) and figures."""
    info = ctypes.create_string_buffer(INFO_SIZE)
    attributes = ctypes.create_string_buffer(
        struct.pack("=IIQ", fd, INFO_SIZE, ctypes.addressof(info)), 16
    )
    libc = ctypes.CDLL(None, use_errno=True)
    number = BPF.get(platform.machine()) or pytest.skip("bpf(2) is not known here")
    if libc.syscall(number, BPF_OBJ_GET_INFO_BY_FD, attributes, 16):
        raise OSError(ctypes.get_errno(), "BPF_OBJ_GET_INFO_BY_FD")
    name = info.raw[64:80].split(b"\0")[0].decode()
    return name, {key: struct.unpack_from("=" + of, info.raw, at)[0] for key, (of, at) in IN_INFO.items()}


def programs_of(pid):
    """What the process has open, by name; the descriptors are borrowed by pidfd_getfd(2)."""
    libc, found = ctypes.CDLL(None, use_errno=True), {}
    pidfd = os.pidfd_open(pid)
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        if "prog_id:" not in Path(path).read_text() or "link_id:" in Path(path).read_text():
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(path.rpartition("/")[2]), 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        name, figures = information(fd)
        found[name] = figures
        os.close(fd)
    os.close(pidfd)
    return found


@pytest.fixture(scope="module")
def programs():
    """The tool's own programs, while a process is traced."""
    statistics = ENABLED.read_text()
    ENABLED.write_text("1")
    try:
        with Fixture("/usr/bin/python3", "leak_raw.py", 3000) as target:
            with Tool("--pid", target.pid, "-m", "exact") as process:
                process.wait_started()
                target.run_to("live")
                return programs_of(process.pid)
    finally:
        ENABLED.write_text(statistics)


def figures(program):
    return {key: program[key] for key in FIGURES}


def test_no_costlier_than_they_were(programs):
    seen = {name: figures(program) for name, program in sorted(programs.items())}
    kernels = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("UPDATE_GOLDEN"):
        kernels[KERNEL] = seen
        BASELINE.write_text(json.dumps(kernels, indent=1, sort_keys=True) + "\n")
    if KERNEL not in kernels:
        pytest.skip("no figures of Linux %s in %s: UPDATE_GOLDEN=1 makes them" % (KERNEL, BASELINE))
    assert set(seen) == set(kernels[KERNEL])
    dearer = [
        (name, key, kernels[KERNEL][name][key], value)
        for name, of in seen.items()
        for key, value in of.items()
        if value > TOLERANCE * kernels[KERNEL][name][key]
    ]
    assert not dearer


def test_room_below_the_limit(programs):
    """A program close to the limit here is refused by some other kernel."""
    seen = {name: program["verified_insns"] for name, program in programs.items()}
    assert {name: n for name, n in seen.items() if n > ROOM * LIMIT} == {}


def test_run_time(programs, capsys):
    """For information: what a hit has cost, traps not counted."""
    with capsys.disabled():
        for name, program in sorted(programs.items()):
            if program["runs"]:
                each = program["run_ns"] / program["runs"]
                print("\n    %-16s %9d runs, %6.0f ns each" % (name, program["runs"], each), end="")
    assert sum(program["runs"] for program in programs.values()) > 1000
