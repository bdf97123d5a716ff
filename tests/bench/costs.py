# SPDX-License-Identifier: BSD-2-Clause
"""What an event costs: exact mode by a bare counting probe, a malloc/free pair by memleak's."""
import random
import statistics
import time

from measure import percentile
from place import Unavailable
from target import Driver
from tools import Memleak, Pyleak

COUNT_ONLY = "PYLEAK_BENCH_COUNT_ONLY"
SIZE = 40000  # loop A with a fifth of its containers: more rounds
THOUSANDS = 60  # loop B with a fifth of its buffers, for the same reason
TARGETS = {4: 2.0, 20: 3.0}  # frames: exact costs at most that many times the bare counting probe


def cpu_times(rounds):
    return [round_["cpu"] for round_ in rounds]


def cycles(bench, workload, options, tools, seconds):
    """CPU times of rounds without and with each tool in turn: (without, {tool: with}, facts)."""
    for tool in tools:
        tool.check()
    target = Driver(bench.host, bench.cpu, workload, options)
    without, with_tools = [], {tool.name: [] for tool in tools}
    phase, at_least = (0.5, 2) if bench.quick else (1.5, 4)
    deadline = time.monotonic() + seconds
    try:
        while True:
            begin = time.monotonic()
            for tool in tools:
                without.append(cpu_times(target.rounds(phase, at_least)))
                tool.on(target)
                try:
                    rounds = target.rounds(phase, at_least)
                finally:
                    tool.off()
                with_tools[tool.name].append(cpu_times(rounds))
            if (
                bench.quick
                or 2 * time.monotonic() - begin > deadline
                or len(without) >= 6 * len(tools)
            ):
                return without, with_tools, target.facts
    finally:
        target.stop()


def joined(phases):
    return [value for phase in phases for value in phase]


def cost_ratio(without, more, less, resamples=400):
    """(more - without) / (less - without) by medians, and its bootstrap interval."""

    def of(without_, more_, less_):
        base = statistics.median(without_)
        return (statistics.median(more_) - base) / (statistics.median(less_) - base)

    lists, chance = [joined(without), joined(more), joined(less)], random.Random(1)
    ratios = sorted(
        of(*(chance.choices(values, k=len(values)) for values in lists)) for _ in range(resamples)
    )
    return of(*lists), [percentile(ratios, 0.025), percentile(ratios, 0.975)]


class CountOnly(Pyleak):
    """The same probes, whose programs count and return."""

    def __init__(self, bench):
        super().__init__(bench, "exact")
        self.name, self.environment = "count only", {COUNT_ONLY: "1"}

    def off(self):
        details = super().off()
        heap = [
            site
            for site in self.json["processes"][0]["sites"]
            if site["domain"] in ("object", "raw")
        ]
        if any(site["alloc_count"] for site in heap):
            raise Unavailable("%s=1 has no effect: the report has heap sites" % COUNT_ONLY)
        return details


def events(bench, seconds):
    """exact by the bare counting probe at the same sites, with stacks of 4 and of 20 frames."""
    rows = []
    for depth, target in TARGETS.items():
        without, with_tools, facts = cycles(
            bench,
            "containers",
            [("depth", depth), ("size", SIZE)],
            [CountOnly(bench), Pyleak(bench, "exact")],
            seconds / len(TARGETS),
        )
        count, exact = with_tools["count only"], with_tools["exact"]
        cost, between = cost_ratio(without, exact, count)
        rows.append(
            {
                "frames": facts["frames"],
                "none_s": statistics.median(joined(without)),
                "count_s": statistics.median(joined(count)),
                "exact_s": statistics.median(joined(exact)),
                "exact_to_count": cost,
                "interval": between,
                "target": target,
                "met": cost <= target,
            }
        )
    return rows


def pair(bench, seconds):
    """What a malloc/free pair costs, Python stack included, against memleak's without one."""
    rows = []
    for plain, what in ((0, "bytearray: a malloc pair and an object"), (1, "bytes: a malloc pair")):
        options = [("plain", plain), ("thousands", THOUSANDS)]
        tools = [Pyleak(bench, "exact"), Memleak(bench)]
        without, with_tools, facts = cycles(bench, "bytearray", options, tools, seconds / 2)
        exact, memleak = with_tools["exact"], with_tools["memleak"]
        base = statistics.median(joined(without))
        each = {
            name: (statistics.median(joined(phases)) - base) / facts["pairs"]
            for name, phases in with_tools.items()
        }
        cost, between = cost_ratio(without, exact, memleak)
        rows.append(
            {
                "what": what,
                "none_ns": base / facts["pairs"] * 1e9,
                "exact_ns": each["exact"] * 1e9,
                "memleak_ns": each["memleak"] * 1e9,
                "exact_to_memleak": cost,
                "interval": between,
                # What memleak sees as well; of an object beside it, it knows nothing.
                "target": 0.5 if plain else None,
                "met": cost <= 0.5 if plain else None,
            }
        )
    return rows
