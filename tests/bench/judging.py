# SPDX-License-Identifier: BSD-2-Clause
"""How often a mode that follows survivors up misjudges them, by exact mode on the same program."""
import time

from place import Unavailable
from target import Driver
from tools import Pyleak

MODES = ("auto",)  # sampled mode sees the release of whatever it has recorded
KEEPS = 0.1  # a site keeps when that share of what it allocated is alive
LEAST = 20  # blocks a site must have been seen with, to be judged


def shares(report):
    """(path, line) -> (blocks allocated, blocks alive) on the heap; both scaled or neither."""
    sites = {}
    for site in report["processes"][0]["sites"]:
        if site["domain"] in ("object", "raw") and site["line"]:
            place = (site["path"], site["line"])
            allocated, alive = sites.get(place, (0, 0))
            sites[place] = (allocated + site["alloc_count"], alive + site["live_count"])
    return sites


def compare(exact, other):
    """
    Of two reports' shares. What other says has survived is misjudged as far as the site's share
    alive exceeds the share that exact mode, which saw every release, found alive at the end.
    """
    survivors = wrong = 0.0
    keeping = false_keeping = missed = judged = 0
    for place, (allocated, alive) in other.items():
        true_allocated, true_alive = exact.get(place, (0, 0))
        if allocated < LEAST or true_allocated < LEAST:
            continue
        judged += 1
        share, truth = alive / allocated, true_alive / true_allocated
        survivors += alive
        wrong += allocated * max(0.0, share - truth)
        keeping += share >= KEEPS
        false_keeping += share >= KEEPS > truth
        missed += truth >= KEEPS > share
    keep_in_truth = sum(1 for n, alive in exact.values() if n >= LEAST and alive / n >= KEEPS)
    return {
        "sites_judged": judged,
        "survivors": survivors,
        "survivors_really_freed": wrong / survivors if survivors else None,
        "sites_called_keeping": keeping,
        "sites_called_keeping_that_do_not": false_keeping,
        "sites_keeping": keep_in_truth,
        "sites_keeping_missed": missed,
    }


def whole_sessions(target, seconds):
    """Rounds until the time is up, to the end of a session: those are 20 rounds, 2 are done."""
    done, end = len(target.rounds(0, 18)), time.monotonic() + seconds
    while time.monotonic() < end:
        done += len(target.rounds(0, 20))
    return done


def traced(bench, mode, seconds):
    tool = Pyleak(bench, mode)
    tool.check()
    target = Driver(bench.host, bench.cpu, "lifetimes")
    try:
        tool.on(target)
        try:
            rounds = whole_sessions(target, seconds)
        finally:
            tool.off()
    finally:
        target.stop()
    return tool.json, rounds


def judging(bench, seconds):
    rows, missing = [], []
    each = 8 if bench.quick else 30
    exact, rounds = traced(bench, "exact", each / 2)
    coverage = exact["processes"][0]["trace"]["coverage"]["object"]
    for mode in MODES:
        if mode not in bench.wanted_tools:
            continue
        try:
            report, their_rounds = traced(bench, mode, each)
        except Unavailable as why:
            missing.append(("judging", mode, str(why)))
            continue
        row = {
            "mode": mode,
            "exact_rounds": rounds,
            "rounds": their_rounds,
            "exact_coverage": coverage,
        }
        rows.append(dict(row, **compare(shares(exact), shares(report))))
    return rows, missing


def selfcheck():
    exact = {"leak": (1000, 1000), "churn": (10000, 0), "half": (400, 200), "rare": (10, 10)}
    same = compare(exact, exact)
    assert same["survivors_really_freed"] == 0 and same["sites_judged"] == 3, same
    assert same["sites_called_keeping"] == same["sites_keeping"] == 2, same
    # 100 of 1100 survivors are churn; one site is called keeping that is not, another is missed
    other = {"leak": (1000, 1000), "churn": (500, 100), "half": (400, 0)}
    worse = compare(exact, other)
    assert abs(worse["survivors_really_freed"] - 100 / 1100) < 1e-12, worse
    assert (
        worse["sites_called_keeping_that_do_not"] == 1 and worse["sites_keeping_missed"] == 1
    ), worse
