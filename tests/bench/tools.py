# SPDX-License-Identifier: BSD-2-Clause
"""
The tools, a class each. Two kinds:

switch  on(target) ... off() any number of times in the life of one process, so that rounds without
        and with the tool come from the same process
pair    cannot be taken out again: two processes take turns, one with the tool from wrap() or arm()
        on, one without

Whatever cannot be had raises Unavailable with the reason.
"""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time

from place import Unavailable, debian_version, environment
from target import Lines, end

START_S = 90  # a tool that does not trace after this time is not going to
FRAMES = 10  # tracemalloc


class Tool:
    name = title = ""
    kind = "switch"
    place = "host"
    weight = 1.0  # share of the bench's time, against others
    core = False  # on few workloads only, unless asked for by name
    with_s = 1.2  # a phase with the tool, at least
    bursts = False  # its cost comes in bursts, by self.process: see bursts.py

    def __init__(self, bench):
        self.bench = bench

    def check(self):
        pass

    def version(self):
        return None


class Nothing(Tool):
    name, title, weight = "none", "nothing (noise of this bench)", 0.6
    core = True

    def on(self, target):
        time.sleep(0.5)

    def off(self):
        return {}


class Pyleak(Tool):
    def __init__(self, bench, mode, place="host"):
        super().__init__(bench)
        self.mode, self.place = mode, place
        self.name = mode if place == "host" else mode + "@tree"
        self.title = "pyleak-bpf %s%s" % (mode, "" if place == "host" else ", in the tree")
        self.weight = {"auto": 7.0, "growth": 0.8}.get(mode, 1.0)
        self.core = place != "host"
        if mode == "auto":
            self.bursts, self.with_s = True, 4.0
        self.environment = {}
        self.options = []

    def check(self):
        if not os.access(self.bench.pyleak, os.X_OK):
            raise Unavailable("%s is not there" % self.bench.pyleak)

    def version(self):
        done = subprocess.run([self.bench.pyleak, "--version"], text=True, stdout=subprocess.PIPE)
        return done.stdout.strip().split()[-1]

    def on(self, target):
        begin = time.monotonic()
        handle, self.report = tempfile.mkstemp(suffix=".json", dir=self.bench.scratch)
        os.close(handle)
        self.process = subprocess.Popen(
            [
                self.bench.pyleak,
                "-p",
                str(target.pid),
                "-m",
                self.mode,
                "-o",
                self.report,
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ, **self.environment),
        )
        self.lines = Lines(self.process.stderr)
        if not self.lines.wait_for("tracing started", START_S):
            status = end(self.process)
            raise Unavailable("exit status %d: %s" % (status, self.lines.last()))
        self.attach_s = time.monotonic() - begin

    def off(self):
        begin = time.monotonic()
        status = end(self.process, signal.SIGINT)
        if status:
            raise Unavailable("exit status %d: %s" % (status, self.lines.last()))
        with open(self.report, encoding="utf-8") as text:
            self.json = json.load(text)
        os.unlink(self.report)
        trace, lost = (self.json["processes"][0][key] for key in ("trace", "lost"))
        return {
            "attach_s": self.attach_s,
            "detach_s": time.monotonic() - begin,
            "probes": len(trace["probes"]),
            "coverage_object": trace["coverage"]["object"],
            "overhead_pct": trace["overhead_pct"],
            "lost": {key: n for key, n in lost.items() if n and key != "unmatched_frees"},
        }


class Memleak(Tool):
    """bcc's, the libbpf one of a newer Debian, with its own loader and libraries, not in chroot."""

    name, title, weight = "memleak", "bcc memleak", 0.8

    def __init__(self, bench):
        super().__init__(bench)
        self.directory = None

    def check(self):
        self.bench.tree.check()
        self.tree = self.bench.tree.path
        names = [
            name
            for name in ("memleak-libbpf", "memleak")
            if os.path.exists("%s/usr/sbin/%s" % (self.tree, name))
        ]
        if not names:
            raise Unavailable("libbpf-tools of the tree has no memleak")
        self.binary = "%s/usr/sbin/%s" % (self.tree, names[0])
        self.libraries = "%s/usr/lib/%s-linux-gnu" % (self.tree, os.uname().machine)
        loaders = [name for name in os.listdir(self.libraries) if name.startswith("ld-linux")]
        if not loaders:
            raise Unavailable("the tree has no loader in %s" % self.libraries)
        self.loader = os.path.join(self.libraries, loaders[0])

    def version(self):
        return "libbpf-tools %s" % self.bench.tree.version_of("libbpf-tools")

    def libc_of(self, pid):
        """A name of at most 31 characters for the target's C library: memleak cuts longer ones."""
        with open("/proc/%d/maps" % pid, encoding="utf-8") as maps:
            found = re.search(r"(/\S*/libc(?:\.so\.6|-2\.\d+\.so))$", maps.read(), re.MULTILINE)
        if not found:
            raise Unavailable("the target has no glibc")
        self.directory = self.directory or tempfile.mkdtemp(prefix="b", dir="/tmp")
        link = os.path.join(self.directory, "c")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink("/proc/%d/root%s" % (pid, found[1]), link)
        return link

    def on(self, target):
        libc = self.libc_of(target.pid)
        terminal, side = pty.openpty()  # or it would keep its lines to itself
        self.process = subprocess.Popen(
            [
                self.loader,
                "--library-path",
                self.libraries,
                self.binary,
                "-p",
                str(target.pid),
                "-O",
                libc,
                "600",
            ],
            stdin=subprocess.DEVNULL,
            stdout=side,
            stderr=side,
            env=environment(),
        )
        os.close(side)
        self.lines = Lines(terminal_lines(terminal))
        if not self.lines.wait_for("Tracing outstanding", START_S):
            status = end(self.process)
            raise Unavailable("exit status %d: %s" % (status, self.lines.last()))

    def off(self):
        end(self.process, signal.SIGINT)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = None
        return {}


def terminal_lines(terminal):
    """Lines from a pty's side, until its other side is closed."""
    buffered = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            read = b""
        if not read:
            os.close(terminal)
            return
        *lines, buffered = (buffered + read).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace") + "\n"


class Tracemalloc(Tool):
    name, title, weight, with_s = "tracemalloc", "tracemalloc, %d frames" % FRAMES, 0.8, 0.8

    def on(self, target):
        self.target = target
        target.tracemalloc(FRAMES)

    def off(self):
        self.target.tracemalloc(0)
        return {}


class PairTool(Tool):
    kind = "pair"
    weight = 0.8
    wrap = None  # argv of Python, without the interpreter -> whole argv; None: started plainly
    env = None

    def arm(self, target):
        """Called once with the process that is to be traced, which works meanwhile."""

    def clean(self):
        """Called when both processes are gone."""


class Heaptrack(PairTool):
    name, title = "heaptrack", "heaptrack"

    def check(self):
        if not shutil.which("heaptrack"):
            raise Unavailable("no heaptrack (apt install heaptrack)")
        self.output = os.path.join(self.bench.scratch, "heaptrack")

    def version(self):
        return debian_version("heaptrack") or self.bench.host.output(["heaptrack", "--version"])

    def wrap(self, argv):
        return ["heaptrack", "-o", self.output, self.bench.host.python, *argv]

    def clean(self):
        remove(self.bench.scratch, "heaptrack")


class HeaptrackAttach(Heaptrack):
    """For processes that are forked: heaptrack does not follow a fork."""

    title = "heaptrack, attached"
    wrap = process = None

    def check(self):
        super().check()
        if not shutil.which("gdb"):
            raise Unavailable("heaptrack needs gdb to attach")

    def arm(self, target):
        self.process = subprocess.Popen(
            ["heaptrack", "-o", self.output, "-p", str(target.pid)],
            text=True,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        lines = Lines(self.process.stdout)
        if not lines.wait_for("injection finished", START_S):
            raise Unavailable("heaptrack: %s" % lines.last())

    def clean(self):
        if self.process is None:
            return
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGTERM)  # its target is gone, it may wait for ever
            self.process.wait()
        super().clean()


class Memray(PairTool):
    place = "tree"

    def __init__(self, bench, name, options=(), attach=False, follow=False):
        super().__init__(bench)
        self.name, self.options, self.attach = name, list(options), attach
        self.title = " ".join(["memray", "attach" if attach else "run", *options]) + ", in the tree"
        self.core = "--trace-python-allocators" in options
        if follow:
            self.options.append("--follow-fork")
        if attach:
            self.wrap = None

    def check(self):
        self.bench.tree.check()
        if not self.bench.tree.has_module("memray"):
            raise Unavailable("memray does not load in the tree")

    def version(self):
        return self.bench.tree.version_of("python3-memray")

    def output(self):
        return self.bench.tree.scratch_path("memray.bin")[0]

    def wrap(self, argv):
        # drop the interpreter's own options: memray run takes what follows as the program's
        while argv[0] in ("-B", "-s"):
            argv = argv[1:]
        run = ["-B", "-s", "-m", "memray", "run", "-f", "--no-compress", "-o", self.output()]
        return [self.bench.tree.python, *run, *self.options, *argv]

    def arm(self, target):
        if not self.attach:
            return
        command = [
            "-m",
            "memray",
            "attach",
            "--method",
            "gdb",
            "-f",
            "--no-compress",
            "-o",
            self.output(),
        ]
        process = subprocess.Popen(
            self.bench.tree.beside(
                target.pid, [self.bench.tree.python, *command, *self.options, str(target.pid)]
            ),
            env=environment(HOME="/tmp"),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        lines = Lines(process.stdout)
        try:
            status = process.wait(START_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with its gdb
            process.wait()
            raise Unavailable("memray attach: not done after %d s" % START_S) from None
        if status:
            raise Unavailable("memray attach: exit status %d: %s" % (status, lines.last()))

    def clean(self):
        remove(os.path.join(self.bench.tree.path, "tmp"), "memray.bin")


def remove(directory, prefix):
    for name in os.listdir(directory):
        if name.startswith(prefix):
            os.unlink(os.path.join(directory, name))


MODES = ("exact", "sampled", "auto", "growth")


def all_tools(bench, web=False):
    """name -> tool, in the table's order; web: for a process that gunicorn forks."""
    heaptrack = HeaptrackAttach if web else Heaptrack
    tools = [
        Nothing(bench),
        *(Pyleak(bench, mode) for mode in MODES),
        Memleak(bench),
        Tracemalloc(bench),
        heaptrack(bench),
        Pyleak(bench, "exact", "tree"),
        Memray(bench, "memray", follow=web),
        Memray(bench, "memray-pymalloc", ["--trace-python-allocators"], follow=web),
        Memray(bench, "memray-attach", attach=True),
    ]
    return {tool.name: tool for tool in tools}
