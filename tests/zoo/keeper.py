# SPDX-License-Identifier: BSD-2-Clause
"""The programs of the zoo as processes, every one of them reaped; which Pythons there are."""
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
FIRST, LAST = (3, 8), (3, 14)
READY_S = 60  # what is not ready after that will not be
LATE_S = 120  # a tool gets so much longer than it was told to trace
PROBE = (
    "import json, sys, sysconfig; print(json.dumps([sys.version.split()[0], sys.version_info[:2],"
    " hasattr(sys, 'gettotalrefcount') or bool(sysconfig.get_config_var('Py_GIL_DISABLED'))]))"
)


class Failed(Exception):
    """A program or the tool did not do what it should; says what."""


class Skipped(Exception):
    """A program cannot run on this Python; says why."""


class Python:
    def __init__(self, path):
        self.path = str(path)
        self.version, info, special = json.loads(
            subprocess.check_output([self.path, "-c", PROBE], text=True)
        )
        self.supported = FIRST <= tuple(info) <= LAST and not special
        self.is_system = self.path == "/usr/bin/python3"
        self.id = self.version + ("-system" if self.is_system else "")
        self.order = (tuple(info), self.is_system)

    def answers_to(self, word):
        if word == "system":
            return self.is_system
        return word in (self.id, self.path) or self.version.startswith(word + ".")


def find_pythons(words):
    """Those that the words name: 3.11, 3.12.1, system, a path; without words all that are installed."""
    paths = [str(path) for path in PYENV.glob("3.*/bin/python")] + ["/usr/bin/python3"]
    paths += filter(None, os.environ.get("PYLEAK_PYTHONS", "").split(":"))
    paths += [word for word in words if "/" in word and word not in paths]
    found = [Python(path) for path in paths if os.path.exists(path)]
    found = sorted((it for it in found if it.supported), key=lambda it: it.order)
    for word in words:
        if not any(python.answers_to(word) for python in found):
            raise Failed("there is no supported Python %s here" % word)
    return [it for it in found if not words or any(it.answers_to(word) for word in words)]


def find_programs(words):
    """By name, or by a part of it; without words all."""
    names = sorted(path.stem for kind in ("leak", "innocent") for path in HERE.glob(kind + "_*.py"))
    for word in words:
        if not any(word in name for name in names):
            raise Failed("there is no program %s in the zoo" % word)
    return [name for name in names if not words or any(word in name for word in words)]


class Animal:
    """A program that is ready; truth is what it says of itself. A context manager."""

    def __init__(self, name, python, build):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.popen = subprocess.Popen(
            [python.path, "-B", str(HERE / (name + ".py"))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment, ZOO_BUILD=str(build)),
        )
        self.pid = self.popen.pid
        try:
            self.truth = self.said()
        except BaseException:
            self.end()
            raise

    def said(self):
        if not select.select([self.popen.stdout], [], [], READY_S)[0]:
            raise Failed("not ready after %d s" % READY_S)
        line = self.popen.stdout.readline()
        if not line:
            raise Failed("ended: " + self.popen.stderr.read().decode()[-300:].strip())
        truth = json.loads(line)
        if "skip" in truth:
            raise Skipped(truth["skip"])
        return truth

    def check_alive(self):
        if self.popen.poll() is not None:
            error = self.popen.stderr.read().decode()[-300:].strip()
            raise Failed("ended with status %d: %s" % (self.popen.returncode, error))

    def rss(self):
        with open("/proc/%d/statm" % self.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self):
        with open("/proc/%d/stat" % self.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def trace(animal, options, folder):
    """The tool on that process; the report's path. What it printed is beside it."""
    report = folder / (animal.truth["name"] + ".json")
    report.unlink(missing_ok=True)
    command = [options.pyleak, "--pid", str(animal.pid), "-d", "%gs" % options.seconds]
    command += ["-m", options.mode] if options.mode else []
    with open(report.with_suffix(".log"), "w") as log:
        tool = subprocess.Popen(
            [*command, "-o", str(report)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            status = tool.wait(options.seconds + LATE_S)
        except subprocess.TimeoutExpired:
            raise Failed("the tool did not end by itself") from None
        finally:
            if tool.poll() is None:
                tool.send_signal(signal.SIGKILL)
                tool.wait()
    animal.check_alive()
    if status or not report.exists():
        lines = report.with_suffix(".log").read_text(errors="replace").strip().splitlines()
        raise Failed("the tool's status is %d: %s" % (status, lines[-1] if lines else "silent"))
    return report


def measure(animal, seconds):
    """RSS ten times a second once the program has settled, and its share of a CPU since then."""
    time.sleep(animal.truth["settles"])
    animal.check_alive()
    begin, cpu, points = time.monotonic(), animal.cpu_s(), []
    while time.monotonic() < begin + seconds:
        animal.check_alive()
        points.append((time.monotonic() - begin, animal.rss()))
        time.sleep(0.1)
    took = time.monotonic() - begin
    return points, (animal.cpu_s() - cpu) / took


def make_folder(path, fresh=False):
    if fresh:
        shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, exist_ok=True)
    return path
