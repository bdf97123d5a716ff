# SPDX-License-Identifier: BSD-2-Clause
"""The main job: a leak at a known line is reported exactly, and no more after it is freed."""

import glob
import signal

import pytest

from harness import Fixture, Report, Tool, trace

pytestmark = pytest.mark.usefixtures("can_trace")


@pytest.mark.parametrize("phase", ["live", "freed"])
def test_raw(tmp_path, python, phase):
    with Fixture(python.path, "leak_raw.py") as target:
        run = trace(tmp_path, target, phase)
    run.report.assert_truths(run.truth)
    run.report.assert_nothing_lost()
    assert run.report.process["python"]["version"] == python.version
    assert run.report.process["python"]["allocator"] == "pymalloc"
    if phase == "live":
        largest = run.report.sites[0]
        assert (largest["file"], largest["function"]) == ("leak_raw.py", "leak")


@pytest.mark.parametrize("phase", ["live", "freed"])
def test_object(tmp_path, python, phase):
    with Fixture(python.path, "leak_object.py") as target:
        run = trace(tmp_path, target, phase)
    run.report.assert_truths(run.truth)
    run.report.assert_nothing_lost()
    assert 0.999 <= run.report.process["trace"]["coverage"]["object"] <= 1.001


def library(name):
    folders = ("/usr/lib*", "/usr/lib/*")
    found = sorted(path for f in folders for path in glob.glob("%s/lib%s.so.*" % (f, name)))
    if not found:
        pytest.skip("lib%s is not installed" % name)
    return found[0]


@pytest.mark.parametrize("phase", ["live", "freed"])
@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc_minimal", "mimalloc"])
def test_preloaded_allocator(tmp_path, some_python, name, phase):
    environment = {"LD_PRELOAD": library(name)}
    with Fixture(some_python.path, "leak_raw.py", env=environment) as target:
        run = trace(tmp_path, target, phase)
    run.report.assert_truths(run.truth)
    run.report.assert_nothing_lost()
    known = name.split("_")[0]
    assert any(known in text for text in run.report.process["allocators"])


@pytest.mark.parametrize("phase", ["live", "freed"])
@pytest.mark.parametrize("name", ["tcmalloc_minimal", "mimalloc"])
def test_allocator_loaded_later(tmp_path, some_python, name, phase):
    """By dlopen, after tracing began."""
    out = tmp_path / "out.json"
    with Fixture(some_python.path, "late_library.py", library(name)) as target:
        with Tool("--pid", target.pid, "-m", "exact", "-o", out) as tool:
            tool.wait_started()
            target.run_to("loaded")
            while not any("has loaded an allocator" in line for line in tool.lines):
                assert not tool.ended.wait(0.05), tool.stderr
            truth = target.run_to("live")
            if phase == "freed":
                truth = target.run_to("freed")
            assert tool.finish(signal.SIGINT) == 0, tool.stderr
    report = Report(out)
    report.assert_truths(truth)
    report.assert_nothing_lost()
    # malloc(3) is served by the one that was there, and its heap is read as before.
    first, second = report.process["allocators"]
    assert "glibc" in first and name.split("_")[0] in second
    assert report.process["memory"]["bridge"]["malloc_in_use"] > 0


@pytest.mark.parametrize("phase", ["live", "freed"])
@pytest.mark.parametrize("script", ["leak_raw.py", "leak_object.py"])
def test_without_pymalloc(tmp_path, some_python, script, phase):
    with Fixture(some_python.path, script, env={"PYTHONMALLOC": "malloc"}) as target:
        run = trace(tmp_path, target, phase)
    run.report.assert_truths(run.truth)
    assert run.report.process["python"]["allocator"] == "malloc"


@pytest.mark.parametrize("phase", ["live", "freed"])
def test_debug_hooks(tmp_path, some_python, phase):
    """The hooks put 24 bytes around every block, twice around a large one: counts are exact."""
    with Fixture(some_python.path, "leak_raw.py", env={"PYTHONMALLOC": "debug"}) as target:
        run = trace(tmp_path, target, phase)
    (truth,) = run.truth
    size, count = run.report.figures(truth)
    assert count == truth["live_count"]
    assert size - truth["live_bytes"] in (0, 24 * count, 48 * count)
