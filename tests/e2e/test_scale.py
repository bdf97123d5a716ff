# SPDX-License-Identifier: BSD-2-Clause
"""A million blocks and ten thousand stacks; and tables too small for them, counted exactly."""

import pytest

from harness import Fixture, trace

pytestmark = pytest.mark.usefixtures("can_trace")


def heap(report):
    return [site for site in report.sites if site["domain"] in ("raw", "object")]


def test_million_blocks(tmp_path, one_python, alloc_cases):
    with Fixture(one_python.path, "scale.py", "blocks", 1000000, alloc_cases) as target:
        run = trace(tmp_path, target)
    run.report.assert_truths(run.truth)
    run.report.assert_nothing_lost()


def test_ten_thousand_stacks(tmp_path, python):
    with Fixture(python.path, "scale.py", "stacks", 100, 100) as target:
        run = trace(tmp_path, target)
    assert len(run.truth) == 10000
    run.report.assert_truths(run.truth)
    run.report.assert_nothing_lost()


@pytest.mark.parametrize("most, count", [(1000, 5000), (4096, 100000)])
def test_live_table_full(tmp_path, one_python, alloc_cases, most, count):
    """Nothing in the target allocates after the last of `count` blocks, so the sums are exact."""
    with Fixture(one_python.path, "scale.py", "blocks", count, alloc_cases) as target:
        run = trace(tmp_path, target, options=("--live-max", str(most)))
    (truth,) = run.truth
    _, kept = run.report.figures(truth)
    assert run.report.lost["live_full"] == count - kept
    assert run.report.lost["live_full_bytes"] == truth["live_bytes"] // count * (count - kept)
    assert sum(site["live_count"] for site in heap(run.report)) == most


def test_stack_table_full(tmp_path, one_python):
    most = 500
    with Fixture(one_python.path, "scale.py", "stacks", 20, 100) as target:
        run = trace(tmp_path, target, options=("--stacks-max", str(most)))
    unknown = [site for site in run.report.sites if site["function"] == "[stack table full]"]
    assert sum(site["alloc_count"] for site in unknown) == run.report.lost["stacks"] > 0
    right = sum(run.report.figures(t) == [t["live_bytes"], t["live_count"]] for t in run.truth)
    assert 0 < right < most
    # those without a stack are still counted with their bytes
    raw = sum(s["live_bytes"] for s in heap(run.report) if s["domain"] == "raw")
    assert raw >= sum(truth["live_bytes"] for truth in run.truth)
