# SPDX-License-Identifier: BSD-2-Clause
"""Whatever is wrong: one line that says what and what to do, the right status, nothing left."""

import os
import shutil
import subprocess
import threading

import pytest

from harness import CANNOT_TRACE, FIXTURES, PYLEAK, Fixture, Process, Tool, tool

FAILED, USAGE = 1, 2
RUN = ["-m", "exact", "-d", "100ms"]


def assert_refused(code, out, lines, want, *words):
    assert (code, out) == (want, ""), (code, out, lines)
    assert len(lines) == 1, lines
    assert lines[0].startswith("pyleak-bpf: "), lines
    for word in words:
        assert word.lower() in lines[0].lower(), (word, lines)


def refused(want, words, *arguments, **options):
    assert_refused(*tool(*arguments, **options), want, *words)


@pytest.fixture
def target():
    with Fixture("/usr/bin/python3", "leak_raw.py") as process:
        yield process
        assert process.alive()


@pytest.fixture
def as_root(can_trace):
    pass


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--no-such-option"], ["no-such-option"]),
        (["-p", "1", "-Q"], ["Q"]),
        (["--pid", "abc"], ["abc"]),
        (["--pid", "12x"], ["12x"]),
        (["--pid", "-5"], ["-5"]),
        (["--pid", "0"], ["0"]),
        (["--pid", "99999999999999999999"], ["99999999999999999999"]),
        (["--pid"], ["pid"]),
        ([], ["--pid"]),
        (["--"], ["command"]),
        (["stray"], ["stray"]),
        (["--pid", "1", "-m", "nonsense"], ["nonsense", "exact"]),
        (["--pid", "1", "-d", "soon"], ["soon"]),
        (["--pid", "1", "-i", "0"], ["interval"]),
        (["--pid", "1", "-i", "-1s"], ["-1s"]),
        (["--pid", "1", "-t", "many"], ["many"]),
        (["--pid", "1", "-o", "out.xyz"], ["out.xyz", ".json", ".folded", ".svg"]),
        (["--pid", "1", "-o", "noending"], ["noending", ".json", ".folded", ".svg"]),
        (["--pid", "1", "-o", "-"], ["-f"]),
        (["--pid", "1", "-o", "-", "-f", "xyz"], ["xyz", "json", "folded", "svg"]),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else None,
)
def test_usage(built, arguments, words, tmp_path):
    refused(USAGE, words, *arguments, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option, text", [("--help", "--pid"), ("--version", "pyleak-bpf")])
def test_asked_for(built, option, text):
    code, out, lines = tool(option)
    assert (code, lines) == (0, [])
    assert text in out


def test_no_such_process(as_root):
    gone = subprocess.Popen(["true"])
    gone.wait()
    refused(FAILED, [str(gone.pid)], "--pid", gone.pid, *RUN)


def test_not_python(as_root):
    with Process(["sleep", "1000"]) as other:
        refused(CANNOT_TRACE, [str(other.pid), "sleep", "python"], "--pid", other.pid, *RUN)


def test_kernel_thread(as_root):
    refused(CANNOT_TRACE, ["2"], "--pid", "2", *RUN)


def test_zombie(as_root):
    child = subprocess.Popen(["/usr/bin/python3", "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    code, out, lines = tool("--pid", child.pid, *RUN)
    child.wait()
    assert_refused(code, out, lines, code, str(child.pid))
    assert code in (FAILED, CANNOT_TRACE)


def test_refused_python(as_root, refused_python):
    """Too old, too new, or a build with other structures: named, and never read."""
    code = "import sys; sys.stdout.write('here\\n'); sys.stdout.flush(); sys.stdin.read()"
    words = [refused_python.version, refused_python.build or "3.8"]
    with Process(
        [refused_python.path, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.popen.stdout.readline() == "here\n"
        refused(CANNOT_TRACE, words, "--pid", other.pid, *RUN)
        assert other.popen.poll() is None


def test_one_bad_among_several(as_root, target):
    with Process(["sleep", "1000"]) as other:
        refused(CANNOT_TRACE, [str(other.pid)], "--pid", target.pid, "--pid", other.pid, *RUN)


@pytest.mark.parametrize("name", ["missing/out.json", "folder/out.json/", "folder.json"])
def test_unwritable_output(as_root, target, tmp_path, name):
    """Found before tracing, and outputs that could be written are not left behind."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.json").mkdir()
    before = sorted(tmp_path.rglob("*"))
    good = ["-o", tmp_path / "good.json"]
    code, out, lines = tool("--pid", target.pid, *RUN, *good, "-o", "%s/%s" % (tmp_path, name))
    assert_refused(code, out, lines, USAGE if name.endswith("/") else FAILED, name.rstrip("/"))
    assert sorted(tmp_path.rglob("*")) == before


def test_output_kept_when_refused(as_root, tmp_path):
    """A report of an earlier run is not emptied by a run that does not trace."""
    report = tmp_path / "out.json"
    report.write_text("earlier")
    refused(FAILED, [], "--pid", str(2**22 + 1), *RUN, "-o", report)
    assert report.read_text() == "earlier"


# Shells that take something away and then run "$@", the tool. Each: programs needed, script, words.
NAMESPACE = ["unshare", "-m", "sh", "-c"]
TAKEN_AWAY = {
    "cap_bpf": (
        ["capsh"],
        ["capsh", "--drop=cap_sys_admin,cap_bpf", "--", "-c"],
        'exec "$0" "$@"',
        ["cap_bpf"],
    ),
    "cap_perfmon": (
        ["capsh"],
        ["capsh", "--drop=cap_sys_admin,cap_perfmon", "--", "-c"],
        'exec "$0" "$@"',
        ["cap_perfmon"],
    ),
    "cap_sys_ptrace": (
        ["capsh"],
        ["capsh", "--drop=cap_sys_ptrace", "--", "-c"],
        'exec "$0" "$@"',
        ["cap_sys_ptrace"],
    ),
    "btf": (
        ["unshare"],
        NAMESPACE,
        'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"',
        ["btf"],
    ),
    "lockdown": (
        ["unshare"],
        NAMESPACE,
        "mount -t tmpfs none /sys/kernel/security &&"
        " echo 'none integrity [confidentiality]' > /sys/kernel/security/lockdown &&"
        ' exec "$0" "$@"',
        ["lockdown", "confidentiality"],
    ),
    "tracefs": (
        ["unshare", "capsh"],
        NAMESPACE,
        "umount -R /sys/kernel/tracing 2>/dev/null; umount -R /sys/kernel/debug 2>/dev/null;"
        " mount -t tmpfs none /sys/kernel/debug;"
        ' exec capsh --drop=cap_sys_admin -- -c \'exec "$0" "$@"\' "$0" "$@"',
        ["tracefs"],
    ),
}


@pytest.mark.parametrize("what", TAKEN_AWAY)
def test_taken_away(as_root, target, needs, what):
    programs, wrap, script, words = TAKEN_AWAY[what]
    needs(*programs)
    refused(CANNOT_TRACE, words, "--pid", target.pid, *RUN, wrap=[*wrap, script])


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls are x86-64's")
@pytest.mark.parametrize("number, name", [(321, "bpf"), (298, "perf_event_open")])
def test_refused_call(as_root, target, number, name):
    """All the capabilities, and a seccomp filter as containers have one."""
    wrap = ["/usr/bin/python3", FIXTURES / "refused_call.py", str(number)]
    refused(CANNOT_TRACE, [name, "seccomp"], "--pid", target.pid, *RUN, wrap=wrap)


def test_not_root(as_root, target, needs, tmp_path_factory):
    needs("setpriv")
    folder = tmp_path_factory.mktemp("anyone")
    for each in (folder, *list(folder.parents)[:-2]):
        each.chmod(0o755)
    copy = shutil.copy(PYLEAK, folder / "pyleak-bpf")
    drop = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c"]
    refused(
        CANNOT_TRACE, ["sudo"], "--pid", target.pid, *RUN, wrap=[*drop, 'exec "%s" "$@"' % copy]
    )


def test_tool_in_pid_namespace(as_root, needs, tmp_path):
    """Inside a PID namespace the numbers are not the kernel's."""
    needs("unshare")
    script = '/usr/bin/python3 -c "import time; time.sleep(1000)" & exec "$0" --pid $! "$@"'
    wrap = ["unshare", "-pf", "--mount-proc", "--kill-child", "sh", "-c", script]
    refused(CANNOT_TRACE, ["namespace"], *RUN, wrap=wrap)


@pytest.mark.parametrize("lines_read", [0, 1])
@pytest.mark.parametrize("delay", [0, 0.01, 0.05, 0.1, 0.2, 0.4])
def test_target_ends_while_attaching(as_root, delay, lines_read):
    """Killed at some moment: whenever that is, the tool ends by itself and cleanly."""
    with Fixture("/usr/bin/python3", "leak_raw.py") as dying:
        with Tool("--pid", dying.pid, "-m", "exact", stdout=subprocess.PIPE) as process:
            if lines_read:
                process.wait_started()
            timer = threading.Timer(delay, dying.popen.kill)
            timer.start()
            code = process.finish()
            timer.join()
            if code == FAILED:
                assert_refused(code, process.popen.stdout.read(), process.lines, FAILED)
            else:
                assert code == 0, process.stderr
