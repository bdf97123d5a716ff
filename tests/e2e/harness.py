# SPDX-License-Identifier: BSD-2-Clause
"""Running the tool against a fixture: every process is reaped, no wait depends on a clock."""

import collections
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
PYLEAK = os.environ.get("PYLEAK") or str(HERE.parent.parent / "build" / "pyleak-bpf")
HANG = 400  # seconds; only a guard, no test depends on it

CANNOT_TRACE = 77


class Process:
    """A child that dies at the latest with the test, and is killed when it hangs."""

    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        self.popen = subprocess.Popen(self.command, text=True, **options)
        self.pid = self.popen.pid
        self.hung = False
        self.guard = threading.Timer(HANG, self._hang)
        self.guard.daemon = True
        self.guard.start()

    def _hang(self):
        self.hung = True
        self.popen.kill()

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self):
        code = self.popen.wait()
        self.guard.cancel()
        assert not self.hung, "hung for %d s: %s" % (HANG, " ".join(self.command))
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.guard.cancel()
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass


class Fixture(Process):
    """A program of tests/fixtures that has said READY."""

    def __init__(self, python, script, *arguments, env=None, wrap=()):
        command = [*wrap, python, "-B", FIXTURES / script, *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment.update(env or {})
        super().__init__(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert self.said() == "READY"

    def said(self):
        line = self.popen.stdout.readline()
        assert line, "%s ended: %s" % (" ".join(self.command), self.wait())
        return line.rstrip("\n")

    def go(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def run_to(self, phase):
        """Let it go on until it has said PHASE `phase`; its truth."""
        while True:
            self.go()
            word, name, truth = self.said().split(" ", 2)
            assert word == "PHASE"
            if name == phase:
                return json.loads(truth)

    def alive(self):
        return self.popen.poll() is None


class Tool(Process):
    """pyleak-bpf, its stderr read line by line as it comes."""

    def __init__(self, *arguments, wrap=(), **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        super().__init__([*wrap, PYLEAK, *arguments], stderr=subprocess.PIPE, **options)
        self.lines = []
        self.started = threading.Event()
        self.ended = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.popen.stderr:
            self.lines.append(line.rstrip("\n"))
            if "tracing started" in line:
                self.started.set()
        self.ended.set()
        self.started.set()

    @property
    def stderr(self):
        return "\n".join(self.lines)

    def wait_started(self):
        self.started.wait()
        assert any("tracing started" in line for line in self.lines), self.stderr
        return self

    def finish(self, number=None):
        """Send the signal, if any, and wait for the end; the exit status."""
        if number is not None:
            self.signal(number)
        code = self.wait()
        assert self.ended.wait(HANG), "stderr stays open"
        return code


def tool(*arguments, **options):
    """Run the tool to its end; (status, stdout, lines of stderr)."""
    with Tool(*arguments, stdout=subprocess.PIPE, **options) as process:
        out = process.popen.stdout.read()
        code = process.finish()
    return code, out, process.lines


class Report:
    def __init__(self, path, pid=None):
        self.text = Path(path).read_text()
        self.json = json.loads(self.text)
        processes = self.json["processes"]
        if pid is not None:
            processes = [process for process in processes if process["pid"] == pid]
        assert len(processes) == 1, [process["pid"] for process in self.json["processes"]]
        self.process = processes[0]
        self.sites = self.process["sites"]
        self.stacks = self.process["stacks"]
        self.lost = self.process["lost"]
        self.by_place = collections.defaultdict(list)
        for site in self.sites:
            self.by_place[self.place(site)].append(site)

    @staticmethod
    def place(it):
        """Of a site or a truth. Without a Python line it is the native function."""
        line = it["line"] if it["path"] is not None else None
        return it["path"], it["function"], line, it["domain"]

    def sites_of(self, truth):
        return self.by_place[self.place(truth)]

    def figures(self, truth):
        """[bytes, count] alive there; a count that the truth does not know is not shown."""
        sites = self.sites_of(truth)
        assert len(sites) <= 1, sites
        figures = [sites[0][key] if sites else 0 for key in ("live_bytes", "live_count")]
        return figures if truth["live_count"] is not None else [figures[0], None]

    def assert_truths(self, truths):
        """Exactly what every truth says; all that differ in one message."""
        wrong = [
            (truth, figures)
            for truth, figures in ((truth, self.figures(truth)) for truth in truths)
            if figures != [truth["live_bytes"], truth["live_count"]]
        ]
        assert not wrong, self.explain(wrong)

    def explain(self, wrong):
        lines = ["%d sites are wrong; lost: %s" % (len(wrong), json.dumps(self.lost))]
        for truth, figures in wrong[:20]:
            lines.append(
                "{path}:{line} {function} {domain}: is {live_bytes} bytes in {live_count}".format(
                    **truth
                )
                + ", reported %s in %s" % tuple(figures)
            )
            lines += [
                "    there: %s" % json.dumps(site)
                for site in self.sites
                if site["function"] == truth["function"] and site["path"] == truth["path"]
            ]
        return "\n".join(lines)

    def assert_nothing_lost(self, *but):
        but = ("unmatched_frees", *but)
        lost = {key: n for key, n in self.lost.items() if n and key not in but}
        assert not lost, lost


class Traced:
    """The outcome of one run of the tool against one fixture; text: the report for people."""

    def __init__(self, report, truth, text):
        self.report, self.truth, self.text = report, truth, text


def trace(tmp_path, fixture, phase="live", options=(), outputs=("out.json",), interval="1s"):
    """Trace a fixture that is READY until it is in `phase`, and stop the tool there."""
    paths = [word for name in outputs for word in ("-o", str(tmp_path / name))]
    arguments = ["--pid", fixture.pid, "--mode", "exact", "-i", interval, *paths, *options]
    text = tmp_path / "text"
    with open(text, "w") as stdout, Tool(*arguments, stdout=stdout) as process:
        process.wait_started()
        truth = fixture.run_to(phase)
        assert process.popen.poll() is None, process.stderr
        code = process.finish(signal.SIGINT)
    assert code == 0, process.stderr
    assert fixture.alive()
    return Traced(Report(tmp_path / "out.json", fixture.pid), truth, text.read_text())


def python_frames(stack):
    return [
        [frame["function"], frame["path"], frame["line"]]
        for frame in stack["frames"]
        if frame["kind"] == "python"
    ]


def compile_library(source, target, *options):
    subprocess.run(
        ["cc", "-O0", "-g", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-fPIC", "-shared"]
        + ["-o", str(target), str(source), *options],
        check=True,
        stdout=sys.stderr,
    )
    return target
