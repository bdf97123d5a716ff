# SPDX-License-Identifier: BSD-2-Clause
"""The processes under test: a pid, rounds(), tracemalloc(), and stop()."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from bursts import Unit
from place import HERE, Unavailable, environment

HANG = 600  # seconds; a guard against a process that never answers, no figure depends on it
LOAD_S = 2  # wrk counts whole seconds
CONNECTIONS = 2


class Lines:
    """Lines of a stream, read by a thread as they come; those for us begin with BENCH."""

    def __init__(self, stream):
        self.stream, self.all, self.ours = stream, [], []
        self.ended, self.condition = False, threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.stream:
            with self.condition:
                if line.startswith("BENCH "):
                    self.ours.append(json.loads(line[6:]))
                else:
                    self.all = self.all[-50:] + [line.rstrip("\n")]
                self.condition.notify_all()
        with self.condition:
            self.ended = True
            self.condition.notify_all()

    def answer(self, seconds=HANG):
        with self.condition:
            self.condition.wait_for(lambda: self.ours or self.ended, seconds)
            if not self.ours:
                raise Unavailable(
                    "the workload ended: %s" % (self.all[-1] if self.all else "no output")
                )
            return self.ours.pop(0)

    def wait_for(self, text, seconds):
        """Whether a line with text came within that time; the end of the stream ends the wait."""

        def there():
            return any(text in line for line in self.all)

        with self.condition:
            self.condition.wait_for(lambda: there() or self.ended, seconds)
            return there()

    def last(self):
        with self.condition:
            return next((line for line in reversed(self.all) if line.strip()), "no output")


def end(process, number=signal.SIGTERM, seconds=120):
    """Signal, wait, kill if need be; the exit status."""
    if process.poll() is None and number is not None:
        process.send_signal(number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def option(given):
    return given if isinstance(given, str) else "%s=%d" % given


class Driver:
    """A workload of workloads/work_*.py."""

    def __init__(self, place, cpu, name, options=(), wrap=None, env=None):
        place.check()
        driver = os.path.join(place.workloads, "drive.py")
        argv = ["-B", "-s", driver, str(cpu), name, *map(option, options)]
        argv = wrap(argv) if wrap else [place.python, *argv]
        self.process = subprocess.Popen(
            place.command(argv),
            env=environment(**(env or {})),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines = Lines(self.process.stdout)
        try:
            self.facts = self.lines.answer()
        except Unavailable:
            self.stop()
            raise
        self.pid = self.facts["pid"]

    def ask(self, *words):
        self.tell(*words)
        return self.lines.answer()

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def rounds(self, seconds, at_least):
        """[{wall, cpu}] in seconds"""
        done = self.ask("run", seconds, at_least)
        return [{"wall": w / 1e9, "cpu": c / 1e9} for w, c in zip(done["wall"], done["cpu"])]

    def begin_series(self):
        self.tell("series")

    def end_series(self):
        """Units of work and, beside each, the shorter of the spins before and after it."""
        done = self.ask("end")
        when, cpu = ([value / 1e9 for value in done[key]] for key in ("when", "cpu"))
        took = [after - before for before, after in zip([0.0] + cpu, cpu)]
        return [
            Unit(when[i], when[i] - when[i - 1], took[i], min(took[i - 1], took[i + 1]))
            for i in range(3, len(when) - 1, 2)
        ]

    def tracemalloc(self, frames):
        self.ask("tracemalloc", frames)

    def stop(self):
        try:
            self.tell("quit")
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass
        end(self.process, None)


def cpu_seconds(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        raise Unavailable("the traced process has died") from None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Web:
    """Django under gunicorn; pid is its one worker; a round is LOAD_S seconds of wrk's load."""

    port = 18300
    client = None

    def __init__(self, place, cpu, wrap=None, load_cpu=-1):
        place.check()
        if not shutil.which("wrk"):
            raise Unavailable("no wrk (apt install wrk)")
        if not place.has_module("django, gunicorn"):
            raise Unavailable("no python3-django or gunicorn in %s" % place.name)
        Web.port += 1
        self.load_cpu = load_cpu
        argv = ["-m", "gunicorn", "-b", "127.0.0.1:%d" % Web.port, "service:application"]
        argv = wrap(argv) if wrap else [place.python, "-B", "-s", *argv]
        self.here = Web.port
        self.url = "http://127.0.0.1:%d/" % self.here
        self.process = subprocess.Popen(
            place.command(argv, place.workloads + "/site"),
            env=environment(BENCH_CPU=str(cpu)),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines = Lines(self.process.stdout)
        self.pid = self._wait()
        self.facts = {"pid": self.pid}
        self.rounds(0, 1)  # warm

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=HANG) as reply:
            return reply.read().decode()

    def _wait(self):
        for _ in range(300):
            try:
                return int(self.get("bench/pid"))
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.stop()
        raise Unavailable("gunicorn did not answer: %s" % self.lines.last())

    def load(self):
        pin = ["taskset", "-c", str(self.load_cpu)] if self.load_cpu >= 0 else []
        wrk = ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % LOAD_S, "--timeout", "60s"]
        cpu_before = cpu_seconds(self.pid)
        done = subprocess.run(
            [*pin, *wrk, "-s", str(HERE / "workloads" / "percentiles.lua"), self.url],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        lines = [line[6:] for line in done.stdout.splitlines() if line.startswith("BENCH ")]
        if not lines:
            raise Unavailable("wrk: %s" % (done.stdout.strip().splitlines() or ["no output"])[-1])
        result = json.loads(lines[0])
        cpu = cpu_seconds(self.pid) - cpu_before
        if result["errors"] or not result["requests"]:
            raise Unavailable("wrk: %(errors)d errors, %(requests)d requests" % result)
        result["wall"] = result["seconds"] / result["requests"]
        result["cpu"] = cpu / result["requests"]
        return result

    def rounds(self, seconds, at_least):
        """One fewer than asked for: they are long, and thousands of requests each."""
        done, until = [], time.monotonic() + seconds
        while len(done) < max(1, at_least - 1) or time.monotonic() + LOAD_S / 2 < until:
            done.append(self.load())
        return done

    def begin_series(self):
        words = [self.load_cpu, "127.0.0.1:%d" % self.here, self.pid]
        self.client = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "client.py"), *map(str, words)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.answers = Lines(self.client.stdout)

    def end_series(self):
        """Requests, with the worker's CPU time of each."""
        self.client.stdin.write("end\n")
        self.client.stdin.flush()
        done = self.answers.answer()
        end(self.client, None)
        return [
            Unit(after / 1e9, (after - begin) / 1e9, cpu / 1e9, 0)
            for (begin, after), cpu in zip(done["when"], done["cpu"])
        ]

    def tracemalloc(self, frames):
        self.get("bench/tracemalloc/%d" % frames)

    def stop(self):
        if self.client:
            end(self.client)
        end(self.process)
