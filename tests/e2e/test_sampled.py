# SPDX-License-Identifier: BSD-2-Clause
"""A sample says what exact tracing says, as surely as it claims.

The fixture's two hundred lines keep the same blocks in each run, so each run gives as many intervals.
"""

import math

import pytest

from harness import Fixture, trace

pytestmark = pytest.mark.usefixtures("can_trace")

MEAN = 4096
RUNS = 3
DOMAINS = ("object", "raw")
# Standard errors of a total, which the tests compute, are 1 to 2 % of it: five stay well below 20 %.
ERRORS, WRONG_WEIGHTS = 5, 0.2


def sampled(tmp_path, python, phase="live", mean=MEAN):
    with Fixture(python.path, "sites.py") as target:
        options = ("--mode", "sampled", "--sample-bytes", str(mean))
        return trace(tmp_path, target, phase, options)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = {}

    def of(python):
        if python.id not in made:
            made[python.id] = [
                sampled(tmp_path_factory.mktemp("sampled"), python) for _ in range(RUNS)
            ]
        return made[python.id]

    return of


def total_error(truths, mean=MEAN):
    """Standard error of the sum of z/p over a sample in which a block of z bytes is with p."""
    variance = 0
    for truth in truths:
        for size in truth["sizes"]:
            p = -math.expm1(-size / mean)
            variance += size * size * (1 - p) / p
    return math.sqrt(variance)


def count_error(truths, mean=MEAN):
    variance = 0
    for truth in truths:
        for size in truth["sizes"]:
            p = -math.expm1(-size / mean)
            variance += (1 - p) / p
    return math.sqrt(variance)


def assert_near(seen, truth, error):
    """Within a few standard errors, which must tell weights that are wrong from right ones."""
    assert ERRORS * error < WRONG_WEIGHTS * truth
    assert abs(seen - truth) < ERRORS * error, (seen, truth, error)


def of_domain(truths, domain):
    return [truth for truth in truths if truth["domain"] == domain]


def estimates(run, truths, key):
    sites = [site for truth in truths for site in run.report.sites_of(truth)]
    return sum(site[key] for site in sites)


def test_exact_once(tmp_path, some_python):
    """The truth that the samples are held against, as exact mode sees it."""
    with Fixture(some_python.path, "sites.py") as target:
        run = trace(tmp_path, target)
    run.report.assert_truths(run.truth["kept"])
    for truth in run.truth["passed"]:
        (site,) = run.report.sites_of(truth)
        assert (site["alloc_bytes"], site["alloc_count"], site["live_count"]) == (
            truth["live_bytes"], truth["live_count"], 0,
        )  # fmt: skip


def test_intervals_cover(some_python, runs):
    """Of the sites that are seen, at least nineteen in twenty hold the truth; a binomial's luck allowed for."""
    inside, misses = 0, []
    for run in runs(some_python):
        for truth in run.truth["kept"]:
            for site in run.report.sites_of(truth):
                if not site["live_count"]:
                    continue
                width = site["live_bytes"] * site["error_pct"] / 100
                if abs(site["live_bytes"] - truth["live_bytes"]) <= width + 1:
                    inside += 1
                else:
                    misses.append((truth["function"], truth["live_bytes"], site["live_bytes"], width))
    seen = inside + len(misses)
    assert seen > RUNS * 150
    assert inside >= 0.9 * seen, misses


@pytest.mark.parametrize("domain", DOMAINS)
def test_totals(some_python, runs, domain):
    """What lives, in bytes and blocks, is right on average."""
    made = runs(some_python)
    truths = of_domain(made[0].truth["kept"], domain)
    for key, error in (("live_bytes", total_error), ("live_count", count_error)):
        seen = sum(estimates(run, truths, key) for run in made) / RUNS
        truth = sum(truth[key] for truth in truths)
        assert_near(seen, truth, error(truths) / math.sqrt(RUNS))


@pytest.mark.parametrize("domain", DOMAINS)
def test_releases_are_paired(some_python, runs, domain):
    """Lines that keep nothing have nothing, to the block; what they made is estimated all the same."""
    made = runs(some_python)
    truths = of_domain(made[0].truth["passed"], domain)
    for run in made:
        assert estimates(run, truths, "live_count") == 0
        assert estimates(run, truths, "live_bytes") == 0
    for key, other in (("alloc_bytes", "free_bytes"), ("alloc_count", "free_count")):
        seen = sum(estimates(run, truths, key) for run in made)
        assert seen == sum(estimates(run, truths, other) for run in made)
    seen = sum(estimates(run, truths, "alloc_bytes") for run in made) / RUNS
    truth = sum(truth["live_bytes"] for truth in truths)
    assert_near(seen, truth, total_error(truths) / math.sqrt(RUNS))


def test_freed(tmp_path, some_python):
    run = sampled(tmp_path, some_python, "freed")
    heap = [site for site in run.report.sites if site["domain"] in DOMAINS]
    left = [site for site in heap if site["path"] and site["path"].startswith("/srv/")]
    assert len(left) > 150
    assert [site for site in left if site["live_count"]] == []


def test_said(some_python, runs):
    """Mode, and an error at each site that a sample stands for."""
    for run in runs(some_python):
        assert run.report.process["trace"]["mode"] == "sampled"
        small = of_domain(run.truth["kept"], "object")
        errors = [site["error_pct"] for t in small for site in run.report.sites_of(t) if site["live_count"]]
        assert errors and all(error > 0 for error in errors)
