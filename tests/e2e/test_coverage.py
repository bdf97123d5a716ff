# SPDX-License-Identifier: BSD-2-Clause
"""Every pymalloc block is seen, on every build, however its allocator was inlined."""

import pytest

from harness import Fixture, trace

pytestmark = pytest.mark.usefixtures("can_trace")

ROUNDS = {"heavy": 8, "churn": 16}


def object_coverage(report):
    return report.process["trace"]["coverage"]["object"]


def blocks(report, *figures):
    """Sums over the sites of objects."""
    sites = [site for site in report.sites if site["domain"] == "object"]
    return [sum(site[figure] for site in sites) for figure in figures]


@pytest.mark.parametrize("program", ROUNDS)
def test_coverage(tmp_path, python, program):
    """Allocations less releases, as probed, against the blocks in use by the pools' own headers."""
    with Fixture(python.path, "busy.py", program, ROUNDS[program]) as target:
        run = trace(tmp_path, target, "done")
    assert 0.999 <= object_coverage(run.report) <= 1.001
    run.report.assert_nothing_lost("names_retried")
    made, live = blocks(run.report, "alloc_count", "live_count")
    if program == "heavy":
        # Python's own figure has blocks over 512 bytes as well, and the releases of older blocks.
        assert live == pytest.approx(run.truth["grown"], rel=0.02)
        assert made > 100000
    else:
        # what one missed release in a hundred would leave
        assert live < made / 100
        assert made > 100000


def test_small_objects(tmp_path, python):
    """The exact count and size of what each line keeps; and of what it made in passing."""
    with Fixture(python.path, "small_objects.py", 2000) as target:
        run = trace(tmp_path, target)
    report, truth = run.report, run.truth
    report.assert_truths(truth["kept"])
    for churned in truth["churned"]:
        (site,) = report.sites_of(churned)
        assert (site["alloc_count"], site["live_count"]) == (truth["made"], 0), site
    report.assert_nothing_lost()
    assert 0.999 <= object_coverage(report) <= 1.001
