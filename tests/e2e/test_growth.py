# SPDX-License-Identifier: BSD-2-Clause
"""Resident memory by the line that wrote to it first, told from page faults alone."""

import platform

import pytest

from harness import Fixture, trace

pytestmark = [
    pytest.mark.usefixtures("can_trace"),
    pytest.mark.skipif(
        platform.machine() != "x86_64", reason="the kernel shows page faults on x86 only"
    ),
]

# malloc's header may put a block on one page more, and a function's own frame takes a page of stack now and then
SLACK = 4


class Run:
    """The pages of each place; what was inferred may be its neighbour's."""

    def __init__(self, tmp_path, python, script, phase):
        with Fixture(python.path, script) as target:
            run = trace(tmp_path, target, phase, options=("--mode", "growth"))
        self.report, self.truth = run.report, run.truth
        self.page = self.truth["page"]
        coverage = self.report.process["trace"]["coverage"]
        self.seen, self.inferred = coverage["rss"], coverage["rss_inferred"]
        self.sites = [site for site in self.report.sites if site["domain"] == "rss"]
        self.resident = sum(site["live_bytes"] for site in self.sites)

    def pages(self, truth):
        return self.report.figures(truth)[0] // self.page

    def assert_sites(self, slack):
        wrong = {
            "%s:%d" % (truth["function"], truth["line"]): (
                self.pages(truth),
                truth["live_bytes"] // self.page,
            )
            for truth in self.truth["sites"]
            if abs(self.pages(truth) - truth["live_bytes"] // self.page) > slack
        }
        assert not wrong, (wrong, self.inferred, self.report.lost)


@pytest.mark.parametrize("phase", ["live", "freed"])
def test_pages(tmp_path, python, phase):
    """By every way of taking memory; not by reading, by sharing, or in a child."""
    run = Run(tmp_path, python, "growth.py", phase)
    # On a slow machine part may have been left out: what is inferred is the most that can be wrong.
    run.assert_sites(SLACK + run.inferred * run.resident / run.page)
    # All of it, without what rendering the truth has taken since it was measured.
    assert 0.999 < run.seen <= 1
    assert 0 <= run.resident - run.truth["growth"] < 0.02 * run.truth["growth"]
    # A frame on a page that the kernel is just moving cannot be read: of all these faults a single one, if any.
    run.report.assert_nothing_lost("unwind_errors")
    assert run.report.lost["unwind_errors"] <= 1


def test_no_heap(tmp_path, one_python):
    """Nothing but tracepoints: no block of the heap."""
    run = Run(tmp_path, one_python, "growth.py", "live")
    used = {site["domain"] for site in run.report.sites if site["alloc_count"]}
    assert used <= {"rss", "mmap", "brk", "file"}


def test_huge_pages(tmp_path, some_python):
    run = Run(tmp_path, some_python, "growth_huge.py", "live")
    if not run.truth["huge"]:
        pytest.skip("this kernel has no huge page to give")
    run.assert_sites(SLACK)


def test_churn(tmp_path, some_python):
    """More faults than can be recorded: what stays is still told apart, and its sum is right."""
    run = Run(tmp_path, some_python, "growth_churn.py", "live")
    # At most 511 faults in a row are left out on a processor, and a thread may move to another.
    run.assert_sites(2 * 512)
    # What is left out has no owner, and that is said; on a busy machine it is more.
    assert run.seen > 0.96
    assert abs(run.resident - run.truth["growth"]) < 0.02 * run.truth["growth"]
    (churn,) = run.report.sites_of(run.truth["sites"][2])
    assert 0.8 < churn["alloc_bytes"] / run.truth["churned"] < 1.25
