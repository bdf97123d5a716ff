# SPDX-License-Identifier: BSD-2-Clause
"""Every way to allocate and release, and who called: exact figures for each case in C."""

import re

import pytest

from harness import FIXTURES, Fixture, trace

pytestmark = pytest.mark.usefixtures("can_trace")

PYTHONS_OWN = re.compile("python3|leakyext")

# Each case of alloc_cases.c is a row of its own; a run that all share traces them together.
RUNS = {}


@pytest.fixture
def run(tmp_path, some_python, alloc_cases):
    if some_python.id not in RUNS:
        with Fixture(
            some_python.path, "alloc_cases.py", alloc_cases, FIXTURES / "alloc_cases.c"
        ) as target:
            RUNS[some_python.id] = trace(tmp_path, target)
    return RUNS[some_python.id]


def check_native(report, truths, module):
    """The allocator's caller is told with its module, in the site and in every stack of it."""
    for truth in truths:
        if truth["domain"] != "raw" or not truth["live_count"] or not truth["native"]:
            continue
        (site,) = report.sites_of(truth)
        assert (site["native"]["module"], site["native"]["function"]) == (module, truth["native"])
        stacks = [stack for stack in report.stacks if stack["id"] in site["stacks"]]
        first = [stack["frames"][0] for stack in stacks]
        assert first
        for frame in first:
            assert (frame["kind"], frame["module"]) == ("native", module)
            assert frame["function"] == truth["native"]


@pytest.mark.parametrize("domain", ["raw", "mmap", "file", "brk"])
def test_accounting(run, domain):
    run.report.assert_truths([truth for truth in run.truth if truth["domain"] == domain])


def test_native_caller(run):
    check_native(run.report, run.truth, "alloc_cases.so")


def test_nothing_lost(run):
    """Threads that end inside an allocator function are the only exits that are missed."""
    lost = run.report.lost
    run.report.assert_nothing_lost("missing_exits", "events")
    assert lost["events"] == lost["missing_exits"] <= 10


def test_extension(tmp_path, python, leakyext):
    with Fixture(python.path, "leak_extension.py", leakyext) as target:
        run = trace(tmp_path, target)
    run.report.assert_truths(run.truth)
    # The probes are on malloc and on pymalloc's own paths: of a block that a function of CPython's passed on
    # to malloc, the native caller is that function, unless it jumped there.
    through = [truth for truth in run.truth if truth["native"] in ("leak_pymem", "leak_pyobject")]
    check_native(run.report, [truth for truth in run.truth if truth not in through], "leakyext.so")
    for truth in through:
        if truth["domain"] == "raw":
            (site,) = run.report.sites_of(truth)
            assert PYTHONS_OWN.search(site["native"]["module"]), site
