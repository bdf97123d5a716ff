# SPDX-License-Identifier: BSD-2-Clause
"""How soon the line of a slow leak within much churn is named, read from the terminal report."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

from place import Unavailable
from target import Driver, Lines, end
from tools import terminal_lines

WITHIN_S = 60
MODES = ("auto", "sampled")


class Screen:
    """Reports as they come; since when the place has been first in the heap's table, unbroken."""

    def __init__(self, place):
        self.place, self.began = place, time.monotonic()
        self.lines, self.reports, self.since = [], 0, None

    def feed(self, line):
        if "\x1b[H" in line:
            self.finish_report()
        self.lines.append(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line))

    def finish_report(self):
        first = first_of_heap(self.lines)
        self.lines = []
        if first is None:
            return
        self.reports += 1
        if self.place not in first:
            self.since = None
        elif self.since is None:
            self.since = time.monotonic() - self.began


def first_of_heap(lines):
    """First row of the heap's table; "" where that is empty, None where this is no report."""
    text = iter(lines)
    for line in text:
        if line.strip().startswith("Nothing that was allocated"):
            return ""
        if line.strip().startswith("Heap"):
            return next((next(text, "") for line in text if line.rstrip().endswith("WHERE")), "")
    return None


def watch(bench, mode, target, seconds):
    """The tool on a terminal of its own for so long: (screen, final report)."""
    facts = target.facts
    path = os.path.join(bench.scratch, "naming.json")
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    screen = Screen("(%s:%d)" % (os.path.basename(facts["leak_file"]), facts["leak_line"]))
    process = subprocess.Popen(
        [bench.pyleak, "-p", str(target.pid), "-m", mode, "-i", "1s", "-o", path],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(side)
    errors = Lines(process.stderr)
    reader = threading.Thread(
        target=lambda: [screen.feed(line) for line in terminal_lines(terminal)], daemon=True
    )
    reader.start()
    try:
        process.wait(seconds)
        early = True
    except subprocess.TimeoutExpired:
        early = False
    status = end(process, signal.SIGINT)
    reader.join(10)
    screen.finish_report()
    if status or early:
        raise Unavailable("exit status %d: %s" % (status, errors.last()))
    with open(path, encoding="utf-8") as text:
        return screen, json.load(text)


def one(bench, mode, watch_s):
    target = Driver(bench.host, bench.cpu, "requests")
    try:
        target.tell("pace", watch_s + 3)
        time.sleep(1)
        screen, report = watch(bench, mode, target, watch_s)
        paced = target.lines.answer()
    finally:
        target.process.kill()
        target.stop()
    process = report["processes"][0]
    place = (target.facts["leak_file"], target.facts["leak_line"])
    heap = [site for site in process["sites"] if site["domain"] in ("object", "raw")]
    rank = next((i for i, site in enumerate(heap) if (site["path"], site["line"]) == place), None)
    return {
        "mode": mode,
        "named_first_after_s": screen.since,
        "watched_s": watch_s,
        "reports": screen.reports,
        "rank_at_end": None if rank is None else rank + 1,
        "live_bytes_at_end": 0 if rank is None else heap[rank]["live_bytes"],
        "allocations_per_s": paced["allocations_per_s"],
        "kept_bytes_per_s": paced["kept_bytes_per_s"],
        "busy": paced["busy"],
        "believed_overhead_pct": process["trace"]["overhead_pct"],
        "target": WITHIN_S,
        "met": screen.since is not None and screen.since <= WITHIN_S,
    }


def naming(bench, seconds):
    rows, missing = [], []
    modes = [mode for mode in MODES if mode in bench.wanted_tools]
    for mode in modes[:1] if bench.quick else modes:
        watch_s = 15
        if mode == "auto" and not bench.quick:
            watch_s = WITHIN_S + 2
        try:
            rows.append(one(bench, mode, watch_s))
        except Unavailable as why:
            missing.append(("naming", mode, str(why)))
    return rows, missing


def selfcheck():
    screen = Screen("(a.py:3)")
    head = ["python3  PID 1\n", "  Heap: allocated\n", "       LIVE   SHARE  WHERE\n"]
    for rows in (
        ["  1 B  b (b.py:1)\n", "  1 B  a (a.py:3)\n"],
        ["  2 B  a (a.py:3)\n"],
        ["  3 B  a (a.py:3)\n"],
    ):
        screen.feed("\x1b[H\x1b[J" + head[0])
        for line in head[1:] + rows:
            screen.feed("\x1b[1m" + line)
    screen.finish_report()
    assert screen.reports == 3 and screen.since is not None, vars(screen)
    assert first_of_heap(["pyleak-bpf: no report\n"]) is None
    assert first_of_heap(["  Nothing that was allocated on the heap\n"]) == ""
