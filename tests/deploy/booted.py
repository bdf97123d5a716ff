# SPDX-License-Identifier: BSD-2-Clause
"""
The unit as systemd runs it: to be started as root in a guest whose process 1 is systemd (tests/deploy/booted does).
In order: started as it is installed, with no more than its rights; a process that leaks is found, and traced on demand,
with each of the two ways that Debian's kernels ask for; reload, kills, a wrong configuration, stop.

    booted.py FOLDER        what `make install-agent DESTDIR=FOLDER PREFIX=/usr` has put there
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request

from sources import DEPLOY, ROOT, SYS_ADMIN, unit

UNIT = "pyleak-bpf-agent.service"
AGENT = "http://127.0.0.1:9797"
CONFIG = pathlib.Path("/etc/pyleak-bpf.conf")
DROP_IN = pathlib.Path(f"/etc/systemd/system/{UNIT}.d/sys-admin.conf")
STATE = pathlib.Path("/var/lib/pyleak-bpf")
PARANOID = pathlib.Path("/proc/sys/kernel/perf_event_paranoid")
WORKER = ROOT / "tests/fixtures/fleet_worker.py"
TRACE_S = 10
# Where each probe is an event of its own.
OLD = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2]) < (6, 6)
PATIENCE_S = 120  # the guest is emulated: a guard, not a measure
# Bits of the kernel's interface, include/uapi/linux/capability.h.
NUMBERS = {"CAP_DAC_READ_SEARCH": 2, "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39,
           "CAP_CHECKPOINT_RESTORE": 40}


def systemctl(*words):
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"systemctl {' '.join(words)}: {done.stderr}"
    return done.stdout


def shown(name):
    return systemctl("show", "--value", "-p", name, UNIT).strip()


def log():
    return subprocess.run(["journalctl", "-q", "--no-pager", "-o", "cat", "-u", UNIT], check=True, capture_output=True,
                          text=True).stdout


def until(what):
    """Waits for an answer that is true, and returns it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = what()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError("waited in vain")


def ask(path):
    with urllib.request.urlopen(AGENT + path, timeout=PATIENCE_S) as answer:
        return answer.read()


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def capabilities(value):
    return {name for name, number in NUMBERS.items() if int(value, 16) >> number & 1}


@contextlib.contextmanager
def leaking(name=WORKER.name):
    """A worker that leaks, in a group of its own, until it is not needed any more; its file can have another name."""
    script = pathlib.Path("/run") / name
    shutil.copy(WORKER, script)
    with subprocess.Popen(
        ["systemd-run", "--quiet", "--collect", "--scope", f"--unit={name}", "/usr/bin/python3", script, "leak"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout.readline() == b"READY\n"
            yield process.pid
        finally:
            process.kill()


def watched():
    """The processes that /metrics lists, by number, and how they are called."""
    listed = re.findall(r'^pyleak_process_resident_bytes\{pid="(\d+)",comm="([^"]+)"', ask("/metrics").decode(), re.M)
    return {int(pid): comm for pid, comm in listed}


def probed(pid):
    """How many bytes of the code of a process are not those of its files: a probe is one, or five."""
    count = 0
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            addresses, rights, offset, _, _, *path = line.split(maxsplit=5)
            if "x" not in rights or not path or not path[0].startswith("/"):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            memory.seek(start)
            code = memory.read(end - start)
            with open(path[0], "rb") as file:
                file.seek(int(offset, 16))
                original = file.read(len(code))
            if code != original:
                count += sum(a != b for a, b in zip(code, original))
    return count


def programs():
    """BPF programs that are loaded, systemd's own left out."""
    listed = subprocess.run([shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin"), "-j", "prog", "show"],
                            check=True, capture_output=True).stdout
    return sorted(name for name in (program.get("name", "?") for program in json.loads(listed) or [])
                  if not name.startswith("sd_"))


def trace(pid):
    """Traces on demand: what the report says of the process."""
    profile = ask(f"/debug/pprof/heap?pid={pid}&seconds={TRACE_S}")
    assert profile[:2] == b"\x1f\x8b", profile[:200]
    return json.loads(ask(f"/api/v1/report?pid={pid}"))["processes"][0]


def names_the_line(process):
    source = WORKER.read_text().splitlines()
    sites = [site for site in process["sites"] if site["file"] == WORKER.name]
    assert any("bytearray(" in source[site["line"] - 1] for site in sites), process["sites"]
    assert process["trace"]["probes"], "nothing was probed"


@contextlib.contextmanager
def being_traced(pid):
    """From when a trace that was asked for has probes in the process, or programs where windows of probes take too long."""
    lists(pid)
    idle = set(programs())

    def unanswered():
        with contextlib.suppress(OSError):
            ask(f"/debug/pprof/heap?pid={pid}&seconds=300")

    thread = threading.Thread(target=unanswered, daemon=True)
    thread.start()
    until(lambda: set(programs()) - idle if OLD else probed(pid))
    yield
    thread.join(PATIENCE_S)


def starts(root):
    shutil.copytree(root, "/", dirs_exist_ok=True)
    systemctl("daemon-reload")
    systemctl("enable", "--now", UNIT)  # comes back when it has said that it is ready
    assert shown("ActiveState") == "active" and shown("SubState") == "running"
    assert shown("Result") == "success" and shown("NRestarts") == "0"
    assert ask("/healthz") == b"ok\n"
    until(ready)


def ready():
    try:
        return ask("/readyz") == b"ready\n"
    except urllib.error.HTTPError:
        return False


def has_the_rights_of_the_unit(extra=()):
    """Those that the kernel knows of: systemd has not left out what it could not do."""
    pid = int(shown("MainPID"))
    now = status(pid)
    wanted = set(unit("CapabilityBoundingSet")[0].split()) | set(extra)
    for kind in "CapEff", "CapBnd", "CapAmb":
        assert capabilities(now[kind]) == wanted, now
        assert bin(int(now[kind], 16)).count("1") == len(wanted), now
    assert "0" not in now["Uid"].split() and now["NoNewPrivs"] == "1" and now["Seccomp"] == "2", now
    mounts = {line.split()[4]: line.split()[5].split(",") for line in
              pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}
    assert "ro" in mounts["/"] and "ro" in mounts["/proc/sys"] and "ro" in mounts["/sys/fs/cgroup"], mounts
    assert "rw" in mounts[str(STATE.resolve())], mounts
    assert STATE.stat().st_uid == int(now["Uid"].split()[0])


def lists(pid):
    until(lambda: watched().get(pid) == "fleet-worker")


def refused(pid):
    """Where the kernel asks for more than the unit gives, the agent is there, watches, and says what failed."""
    try:
        ask(f"/debug/pprof/heap?pid={pid}&seconds={TRACE_S}")
    except urllib.error.HTTPError as error:
        assert error.code == 503, error.code
        assert "perf_event_paranoid" in error.read().decode()
    else:
        raise AssertionError("it was traced")
    assert shown("ActiveState") == "active" and watched()[pid]
    assert not probed(pid)


def restarted(pid):
    """Another start with other rights; the kernel tells it of processes, which it would warn of if not."""
    systemctl("restart", UNIT)
    lists(pid)
    said = log().split("\nStarting ")[-1]
    assert "listening on" in said and "warning" not in said, said


def traces_without_sys_admin(pid):
    PARANOID.write_text("2\n")
    restarted(pid)
    has_the_rights_of_the_unit()
    names_the_line(trace(pid))
    assert not probed(pid)


def traces_with_the_drop_in(pid, paranoid):
    PARANOID.write_text(paranoid)
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEPLOY / SYS_ADMIN, DROP_IN)
    systemctl("daemon-reload")
    restarted(pid)
    has_the_rights_of_the_unit({"CAP_SYS_ADMIN"})
    names_the_line(trace(pid))
    assert not probed(pid)


def feeds_the_watchdog():
    """The moment that systemd was last told is one after that of the start: it is not the start itself that counts."""
    assert shown("WatchdogUSec") not in ("0", "infinity")
    until(lambda: int(shown("WatchdogTimestampMonotonic")) > int(shown("ActiveEnterTimestampMonotonic")) + 1_000_000)


def reload():
    before = log().count("options read again")
    systemctl("reload", UNIT)
    until(lambda: log().count("options read again") > before)


def reloads():
    """Options that are changed count, in the same process: whom they leave out is not watched until they do not."""
    main_pid, original = shown("MainPID"), CONFIG.read_text()
    CONFIG.write_text(original + "exclude = *fleet_worker.py*\n")
    reload()
    with leaking() as pid, leaking("another.py") as other:
        until(lambda: other in watched())
        assert pid not in watched()
        CONFIG.write_text(original)
        reload()
        lists(pid)
    assert shown("MainPID") == main_pid and shown("ActiveState") == "active"


def comes_back(pid):
    """After kill -9 in the middle of a trace: another process serves, and nothing of the trace is left."""
    killed = shown("MainPID")
    with being_traced(pid):
        os.kill(int(killed), signal.SIGKILL)
    until(lambda: shown("NRestarts") == "1" and shown("ActiveState") == "active")
    assert shown("MainPID") != killed
    lists(pid)
    until(lambda: not probed(pid))
    assert "Failed with result 'signal'" in log()


def stops(pid):
    """In the middle of a trace, too: status 0, no process, no probe and no program left, and the worker at work."""
    with being_traced(pid):
        group = pathlib.Path("/sys/fs/cgroup" + shown("ControlGroup"))
        assert len((group / "cgroup.procs").read_text().split()) > 1
        assert programs()
        systemctl("stop", UNIT)
    assert shown("ActiveState") == "inactive", shown("ActiveState")
    assert shown("Result") == "success", shown("Result")
    assert (shown("ExecMainCode"), shown("ExecMainStatus")) == ("1", "0")  # it exited, with 0
    assert not group.exists() or not (group / "cgroup.procs").read_text()
    assert not probed(pid)
    until(lambda: not programs())
    assert pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "RS"


def keeps_the_last_report(pid):
    """Of a process that is killed for memory, in the one folder that can be written to: the last trace."""
    systemctl("set-property", "--runtime", f"{WORKER.name}.scope", "MemoryMax=1M", "MemorySwapMax=0")
    report, = until(lambda: list(STATE.glob(f"oom-*-{pid}-fleet-worker.json")))
    names_the_line(json.loads(report.read_text())["processes"][0])
    assert report.stat().st_mode & 0o777 == 0o600


def is_not_tried_again():
    """A configuration that is wrong: status 2, and systemd leaves it at that."""
    before = CONFIG.read_text()
    CONFIG.write_text("no-such-option = 1\n")
    assert subprocess.run(["systemctl", "restart", UNIT], capture_output=True).returncode != 0
    assert shown("ActiveState") == "failed" and shown("ExecMainStatus") == "2", log()
    CONFIG.write_text(before)
    systemctl("reset-failed", UNIT)


class Checks:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def __call__(self, what, check, *arguments):
        start = time.monotonic()
        try:
            check(*arguments)
        except Exception:
            print("    " + traceback.format_exc().replace("\n", "\n    "))
            print(f"FAILED {what}", flush=True)
            self.failed += 1
        else:
            print(f"ok {what} ({time.monotonic() - start:.0f} s)", flush=True)
            self.passed += 1

    def skip(self, what, why):
        print(f"skipped {what}: {why}", flush=True)
        self.skipped += 1


def main():
    if not pathlib.Path("/run/guest").exists():
        sys.exit("this installs a service and ends processes: only in a guest of tests/kernels/run --systemd")
    check = Checks()
    paranoid = PARANOID.read_text()
    without = "booted: without CAP_SYS_ADMIN, where perf_event_paranoid is 2, a trace names the line"
    check("booted: the unit starts, says that it is ready, and answers", starts, sys.argv[1])
    check("booted: it has its rights and no others, and writes to its state directory alone", has_the_rights_of_the_unit)
    with leaking() as pid:
        check("booted: /metrics lists a worker that leaks", lists, pid)
        if OLD or int(paranoid) > 2:
            check("booted: what the kernel does not allow is said, and nothing else suffers", refused, pid)
        else:
            check.skip("booted: what the kernel does not allow is said", f"perf_event_paranoid is {paranoid.strip()}")
        if OLD:
            check.skip(without, "before Linux 6.6 the kernel asks for it")
        else:
            check(without, traces_without_sys_admin, pid)
        check("booted: with the drop-in for CAP_SYS_ADMIN a trace names the line", traces_with_the_drop_in, pid, paranoid)
        check("booted: the watchdog is fed", feeds_the_watchdog)
        check("booted: the report of a process that is killed for memory is kept", keeps_the_last_report, pid)
    check("booted: reload reads the configuration", reloads)
    with leaking() as pid:
        check("booted: killed in the middle of a trace, it is started again", comes_back, pid)
        check("booted: stopped in the middle of a trace, it leaves nothing behind", stops, pid)
    check("booted: with a wrong configuration it is not tried again", is_not_tried_again)
    if check.failed:
        print("    " + log().replace("\n", "\n    "))
    print(f"{check.passed} passed, {check.failed} failed, {check.skipped} skipped", flush=True)
    sys.exit(check.failed > 0)


main()
