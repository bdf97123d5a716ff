# SPDX-License-Identifier: BSD-2-Clause
"""A cell of the table: one workload under one tool, phases without and with it in turn."""
import statistics
import threading
import time

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


def start(bench, workload, tool, traced):
    wrap = tool.wrap if traced and tool.kind == "pair" else None
    place = bench.places[tool.place]
    if workload == "django":
        return Web(place, bench.cpu, wrap, bench.load_cpu)
    return Driver(place, bench.cpu, workload, wrap=wrap, env=tool.env if wrap else None)


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


def measure(bench, workload, tool, seconds):
    """The row of this cell; raises Unavailable."""
    tool.check()
    begin = time.monotonic()
    way = switched if tool.kind == "switch" else paired
    try:
        pairs, details = way(bench, workload, tool, Budget(bench, seconds))
    except OSError as error:
        raise Unavailable("%s: %s" % (type(error).__name__, error)) from error
    wall = summary(quantity(pairs, "wall"))
    row = {
        "workload": workload,
        "tool": tool.name,
        "place": tool.place,
        "method": "same process" if tool.kind == "switch" else "two processes",
        "slowdown": wall["mean" if tool.bursts else "median"],
        "interval": wall["mean_interval" if tool.bursts else "median_interval"],
        "judged_by": "mean" if tool.bursts else "median",
        "wall": wall,
        "cpu": summary(quantity(pairs, "cpu")),
        "details": details,
        "took_s": round(time.monotonic() - begin, 1),
    }
    if workload == "django":
        row["web"] = web_figures(pairs)
    return row


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
