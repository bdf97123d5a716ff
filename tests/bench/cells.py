# SPDX-License-Identifier: BSD-2-Clause
"""A cell of the table: one workload under one tool, phases without and with it in turn."""
import statistics
import threading
import time

import bursts
from activity import Activity
from measure import Pair, summary
from place import Unavailable
from target import Driver, Web

WORKLOADS = {
    "django": "Django, gunicorn",
    "objects": "object churn",
    "containers": "object growth (loop A)",
    "bytearray": "bytearray churn (loop B)",
    "json": "json",
    "regex": "regex",
    "ast": "ast.parse",
    "decimal": "decimal",
    "sqlite": "sqlite3",
    "threads": "threads",
    "asyncio": "asyncio",
    "requests": "request loop",
}
# Where tools run that are there for comparison only, unless asked for by name.
CORE = ("django", "objects", "containers", "bytearray", "json")

WITHOUT_S = 1.0  # a phase without the tool, at least
AT_LEAST = 3  # rounds a phase
MOST_PAIRS, MOST_PAIRS_QUICK = 10, 3
# A cell of a tool that works in bursts: without, with, without, with, ... without.
OFF_S, ON_S = 8.0, 20.0
SWITCHING_S = 4.0  # putting in and out, about
LOOK_S = 1.5  # after tracing has started, all of it is the first look


def start(bench, workload, tool, traced, options=()):
    wrap = tool.wrap if traced and tool.kind == "pair" else None
    place = bench.places[tool.place]
    if workload == "django":
        return Web(place, bench.cpu, wrap, bench.load_cpu)
    return Driver(place, bench.cpu, workload, options, wrap=wrap, env=tool.env if wrap else None)


class Budget:
    """How long a cell may take: a first pair always, more while they fit."""

    def __init__(self, bench, seconds):
        self.quick, self.end = bench.quick, time.monotonic() + seconds
        self.longest, self.begin = 0.0, None

    def another(self, pairs):
        now = time.monotonic()
        if self.begin is not None:
            self.longest = max(self.longest, now - self.begin)
        self.begin = now
        if pairs == 0:
            return True
        if pairs == 1 and not self.quick:
            return now + self.longest / 2 < self.end  # two are much better than one
        most = MOST_PAIRS_QUICK if self.quick else MOST_PAIRS
        return pairs < most and now + self.longest < self.end

    def phase(self, seconds):
        return seconds / 2 if self.quick else seconds

    def rounds(self):
        return 2 if self.quick else AT_LEAST


def switched(bench, workload, tool, budget):
    """One process; the tool goes in and out. Each of its phases is between two without."""
    target = start(bench, workload, tool, False)
    pairs, details, tracing = [], [], False
    try:
        before = target.rounds(budget.phase(WITHOUT_S), budget.rounds())
        while budget.another(len(pairs)):
            tool.on(target)
            tracing = True
            with_tool = target.rounds(budget.phase(tool.with_s), budget.rounds())
            tracing = False
            details.append(tool.off())
            after = target.rounds(budget.phase(WITHOUT_S), budget.rounds())
            pairs.append((before, with_tool, after))
            before = after
    finally:
        if tracing:
            tool.off()
        target.stop()
    return pairs, details


def segment(tool, target, seconds):
    """The tool in and out while units of work go on; what bursts needs to know, and the details."""
    begin = time.monotonic()
    tool.on(target)
    try:
        looked = time.monotonic() + LOOK_S
        activity = Activity(tool.process.pid)
        time.sleep(seconds)
        end, busy = time.monotonic(), activity.busy()
    finally:
        details = tool.off()
    return bursts.On(begin, looked, end, time.monotonic(), busy), details


def segments_of(bench, seconds):
    """How many times the tool comes, for how long, and how long it is away before and after."""
    off_s, on_s = (OFF_S / 2, ON_S / 2) if bench.quick else (OFF_S, ON_S)
    each = off_s + on_s + SWITCHING_S
    return max(1, int((seconds - off_s) / each)), on_s, off_s


def in_bursts(bench, workload, tool, seconds):
    """One process that works without a pause, in units of some ms."""
    times, on_s, off_s = segments_of(bench, seconds)
    target = start(bench, workload, tool, False, ["fine"])
    try:
        target.begin_series()
        time.sleep(off_s)
        segments, details = [], []
        for _ in range(times):
            segment_, details_ = segment(tool, target, on_s)
            segments.append(segment_)
            details.append(details_)
            time.sleep(off_s)
        units = target.end_series()
    finally:
        target.stop()
    return units, segments, details


def arm(tool, target):
    """A debugger may wait for the target to allocate: so it works until the tool is there."""
    failed = []

    def attach():
        try:
            tool.arm(target)
        except Exception as why:  # whatever it is, it belongs to the thread that waits
            failed.append(why)

    thread = threading.Thread(target=attach)
    thread.start()
    try:
        while True:
            target.rounds(0, 1)
            if not thread.is_alive():
                break
    finally:
        thread.join()
    if failed:
        raise failed[0]


def paired(bench, workload, tool, budget):
    """Two processes, one of them traced; only one works at a time."""
    pairs, targets = [], []
    try:
        plain = start(bench, workload, tool, False)
        targets.append(plain)
        traced = start(bench, workload, tool, True)
        targets.append(traced)
        arm(tool, traced)
        before = plain.rounds(budget.phase(WITHOUT_S), budget.rounds())
        while budget.another(len(pairs)):
            with_tool = traced.rounds(budget.phase(tool.with_s), budget.rounds())
            after = plain.rounds(budget.phase(WITHOUT_S), budget.rounds())
            pairs.append((before, with_tool, after))
            before = after
    finally:
        for target in targets:
            target.stop()
        tool.clean()
    return pairs, []


def quantity(pairs, key):
    return [Pair(*([round_[key] for round_ in phase] for phase in pair)) for pair in pairs]


def row_of_pairs(pairs):
    wall, cpu = (summary(quantity(pairs, key)) for key in ("wall", "cpu"))
    return {
        "slowdown": wall["median"],
        "interval": wall["median_interval"],
        "cpu_slowdown": cpu["median"],
        "wall": wall,
        "cpu": cpu,
    }


def row_of_bursts(units, segments):
    try:
        parts = {key: bursts.figures(units, segments, key) for key in ("wall", "cpu")}
    except ValueError as why:
        raise Unavailable(str(why)) from None
    slowdown, *interval = parts["wall"]["slowdown"]
    cpu_slowdown = parts["cpu"]["slowdown"][0]
    return {
        "slowdown": slowdown,
        "interval": interval,
        "cpu_slowdown": cpu_slowdown,
        "bursts": dict(parts, segments=len(segments)),
    }


def pairs_row(bench, workload, tool, seconds):
    way = switched if tool.kind == "switch" else paired
    pairs, details = way(bench, workload, tool, Budget(bench, seconds))
    row = dict(row_of_pairs(pairs), details=details)
    if workload == "django":
        row["web"] = dict(web_figures(pairs), cpu=row["cpu"]["mean"])
    return row


def bursts_row(bench, workload, tool, seconds):
    """Latencies of the web workload come from wrk, in phases of their own."""
    web = workload == "django"
    units, segments, details = in_bursts(bench, workload, tool, seconds * (0.8 if web else 1))
    row = dict(row_of_bursts(units, segments), details=details)
    if web:
        row["web"] = pairs_row(bench, workload, tool, seconds * 0.2)["web"]
    return row


def measure(bench, workload, tool, seconds):
    """The row of this cell; raises Unavailable."""
    tool.check()
    begin = time.monotonic()
    row = {
        "workload": workload,
        "tool": tool.name,
        "place": tool.place,
        "method": "same process" if tool.kind == "switch" else "two processes",
    }
    try:
        row.update((bursts_row if tool.bursts else pairs_row)(bench, workload, tool, seconds))
    except OSError as error:
        raise Unavailable("%s: %s" % (type(error).__name__, error)) from error
    return dict(row, took_s=round(time.monotonic() - begin, 1))


def web_figures(pairs):
    """Requests a second and latencies, medians over the loads."""
    without = [load for before, _, after in pairs for load in before + after]
    with_tool = [load for _, phase, _ in pairs for load in phase]

    def both(figure):
        return [statistics.median(map(figure, loads)) for loads in (without, with_tool)]

    figures = {"requests_per_s": both(lambda load: 1 / load["wall"])}
    for key in ("p50_ms", "p95_ms", "p99_ms"):
        figures[key] = both(lambda load, key=key: load[key])
    return figures
