# SPDX-License-Identifier: BSD-2-Clause
"""
The agent with the rights of the systemd unit, and no others: it starts, tells systemd what it is to be told, is asked, and
names the line of a process that leaks. systemd itself is not here, it is in booted.py: user and capabilities are set by
setpriv as it does; the system calls that are made are compared with those that the filter lets through.

    sandbox.py capabilities|calls FOLDER
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from sources import SYS_ADMIN, needs_sys_admin, unit
from unit_calls import let_through

PYLEAK = os.environ["PYLEAK"]
COMM = f"leaks{os.getpid() % 100000}"  # as no other process is called
LINE = 8
LEAK = f"""\
import time

with open("/proc/self/comm", "w") as comm:
    comm.write("{COMM}")
kept = []
while True:
    time.sleep(0.01)
    kept.append(bytearray(5000))
"""
# The start of the program, before systemd's filter would be there, is execve. The others a process comes to call by a
# probe on its own function, as calibration does in a child: the kernel has seccomp let them pass (since 6.14).
NOT_OURS = {"execve", "uretprobe", "uprobe", "syscall_0x14f", "syscall_0x150"}
PATIENCE_S = 120


@contextlib.contextmanager
def running(command, **options):
    """A process that is gone afterwards, however it went."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def expect(notices, wanted):
    """Waits for a message of the service to systemd."""
    end = time.monotonic() + PATIENCE_S
    while True:
        notices.settimeout(max(end - time.monotonic(), 0.01))
        if wanted in notices.recv(4096).decode().split("\n"):
            return


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def leaking_line(port, pid):
    """What the agent says of the line once the process was traced."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for sample in ask(port, "/metrics").splitlines():
            if sample.startswith("pyleak_site_live_bytes{") and f'pid="{pid}"' in sample:
                if f'file="leak.py",line="{LINE}"' in sample:
                    return float(sample.rsplit(" ", 1)[1])
        time.sleep(1)
    raise AssertionError("the leaking line was not named:\n" + ask(port, "/api/v1/processes"))


def serve(folder, prefix):
    """An agent of this one process, from start to stop, as systemd does it."""
    folder = pathlib.Path(folder)
    script, config, state = folder / "leak.py", folder / "agent.conf", folder / "state"
    script.write_text(LEAK)
    # Paces for a test; the example's own values are compared elsewhere.
    config.write_text(f"comm = {COMM}\ninterval = 1s\ncensus-interval = 2s\ntrace-time = 5s\n")
    state.mkdir(exist_ok=True)
    port, path = free_port(), str(folder / "notify")
    pathlib.Path(path).unlink(missing_ok=True)
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(path)
    os.chmod(path, 0o777)  # systemd's is everybody's, too
    (command,) = unit("ExecStart")
    command = command.replace("%S/pyleak-bpf", str(state)).replace("/etc/pyleak-bpf.conf", str(config)).split()[1:]
    # Read by children through a file: it holds more than a pipe that nobody empties.
    with open(folder / "log", "w") as log, running(["/usr/bin/python3", script]) as target, running(
        [*prefix, PYLEAK, *command, f"--listen=127.0.0.1:{port}"], stdout=log, stderr=log,
        env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"},
    ) as agent:
        try:
            expect(notices, "READY=1")
            assert ask(port, "/healthz") == "ok\n"
            expect(notices, "WATCHDOG=1")
            assert leaking_line(port, target.pid) > 0
            (agent_pid,) = agents(agent.pid)
            os.kill(agent_pid, signal.SIGHUP)
            expect(notices, "RELOADING=1")
            expect(notices, "READY=1")
            os.kill(agent_pid, signal.SIGTERM)
            expect(notices, "STOPPING=1")
            assert agent.wait(PATIENCE_S) == 0, agent.returncode
        except BaseException:
            print((folder / "log").read_text(), file=sys.stderr)
            raise


def agents(pid):
    """The process itself, or where it is strace, what it runs."""
    if pathlib.Path(f"/proc/{pid}/comm").read_text() != "strace\n":
        return [pid]
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def capabilities(folder):
    assert unit("DynamicUser") == ["yes"]
    given = unit("CapabilityBoundingSet")[0].split()
    if needs_sys_admin():
        given += unit("CapabilityBoundingSet", SYS_ADMIN)
    only = "-all," + ",".join("+" + name[4:].lower() for name in given)
    os.makedirs(f"{folder}/state", exist_ok=True)
    os.chmod(f"{folder}/state", 0o777)  # systemd gives it to the user
    serve(folder, ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs",
                   f"--bounding-set={only}", f"--inh-caps={only}", f"--ambient-caps={only}"])


def calls(folder):
    log = pathlib.Path(folder) / "calls"
    # Should strace be killed, the agent does not go on without it.
    serve(folder, ["strace", "-f", "-qq", "-o", log, "setpriv", "--pdeathsig", "KILL"])
    made = set(re.findall(r"^\d+ +(\w+)\(", log.read_text(errors="replace"), re.M))
    assert {"bpf", "process_vm_readv", "accept4"} <= made, made
    allowed = let_through()
    assert not {"process_vm_writev", "mount", "ptrace", "unshare"} & allowed
    refused = made - allowed - NOT_OURS
    assert not refused, f"the unit refuses {sorted(refused)}"


{"capabilities": capabilities, "calls": calls}[sys.argv[1]](sys.argv[2])
