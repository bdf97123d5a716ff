# SPDX-License-Identifier: BSD-2-Clause
"""`pyleak-bpf heap`: what it reads from outside is what the program knows of itself."""

import json
import os
import re
from pathlib import Path

import pytest

from harness import CANNOT_TRACE, Fixture, Process, Tool, tool

FAILED, USAGE = 1, 2
BRIDGE = {
    "python_objects",
    "pymalloc_free",
    "malloc_in_use",
    "malloc_free",
    "mmap_anon",
    "stacks",
    "file_backed",
    "unexplained",
}


@pytest.fixture(autouse=True)
def readable(built):
    """Other processes are read with rights alone, no BPF."""
    if os.geteuid():
        pytest.skip("reading another process needs root")


def heap(target, *options):
    code, out, lines = tool("heap", "--pid", target.pid, "-f", "json", "-t", "20", *options)
    assert code == 0, lines
    assert lines == []
    look = json.loads(out)
    assert look["schema"] == "pyleak.heap/1" and look["pid"] == target.pid
    return look


def counts(look):
    found = {each["name"]: each["count"] for each in look["types"]}
    assert len(found) == len(look["types"])
    return found


def buffers(look):
    return {each["name"]: each["buffer_bytes"] for each in look["types"]}


def faults(pid):
    """Page faults of the process so far, minor and major."""
    fields = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return int(fields[7]), int(fields[9])


def assert_adds_up(look):
    assert set(look["bridge"]) == BRIDGE
    assert sum(look["bridge"].values()) == look["rss"]
    assert look["bridge"]["unexplained"] <= 0.03 * look["rss"]
    objects = look["objects"]
    assert sum(each["count"] for each in look["types"]) == objects["count"]
    assert sum(each["own_bytes"] for each in look["types"]) == objects["own_bytes"]
    assert sum(each["buffer_bytes"] for each in look["types"]) == objects["buffer_bytes"]
    assert objects["types_left_out"] == 0
    assert all(value == 0 for value in look["unparsed"].values()), look["unparsed"]


def test_truth(python):
    """Numbers of each class and of built-in types, their tables, the collector's own figures."""
    with Fixture(python.path, "heap_truth.py") as target:
        target.run_to("before")
        before = heap(target)
        truth = target.run_to("live")
        untouched = faults(target.pid)
        look = heap(target)
        assert faults(target.pid) == untouched
        assert target.alive()
    assert look["python"]["version"] == python.version
    assert_adds_up(look)

    found, had = counts(look), counts(before)
    assert {name: found.get(name, 0) - had.get(name, 0) for name in truth["counts"]} == truth[
        "counts"
    ]
    for name, more in truth["more"].items():
        # The program itself makes some on the way, and drops a few.
        assert more - 5 <= found[name] - had.get(name, 0) <= more + 150, name
    beside, had = buffers(look), buffers(before)
    for name, size in truth["buffers"].items():
        slack = 0 if name in truth["counts"] else 4000
        assert size <= beside[name] - had.get(name, 0) <= size + slack, name

    (large,) = [
        each for each in look["largest"] if each["length"] == truth["large"]["length"]
    ]
    assert large["type"] == "bytes" and int(large["address"], 16) == truth["large"]["address"]
    assert large["bytes"] >= truth["large"]["length"]

    gc = look["gc"]
    assert gc["complete"] and not gc["collecting"]
    assert gc["enabled"] is truth["enabled"]
    assert [each["threshold"] for each in gc["generations"]] == truth["threshold"]
    assert [each["collections"] for each in gc["generations"]] == truth["collections"]
    assert gc["garbage"] == truth["garbage"]
    assert gc["frozen"] == truth["frozen"]
    # gc.get_objects() leaves the frozen ones out.
    assert abs(gc["tracked"] - gc["frozen"] - truth["tracked"]) <= 30
    assert gc["tracked"] == gc["frozen"] + sum(each["objects"] for each in gc["generations"])


def test_layout(some_python):
    """pymalloc's figures agree with each other, and with malloc's."""
    with Fixture(some_python.path, "heap_truth.py") as target:
        target.run_to("live")
        look = heap(target)
    pymalloc, objects = look["pymalloc"], look["objects"]
    assert pymalloc["arenas"] and pymalloc["classes"]
    in_use = sum(each["size"] * each["in_use"] for each in pymalloc["classes"])
    assert sum(each["in_use"] for each in pymalloc["arenas"]) == in_use
    assert objects["raw_bytes"] < in_use
    for arena in pymalloc["arenas"]:
        assert arena["in_use"] <= arena["bytes"] and arena["resident"] <= arena["bytes"]
    assert look["malloc"]["limit"] is None
    main = look["malloc"]["arenas"][0]
    assert 0 < main["in_use"] <= main["bytes"]
    assert look["malloc"]["mapped_bytes"] >= 1 << 20


def test_text(some_python):
    """For people: a table that adds up, no byte of the target's that could move the cursor."""
    with Fixture(some_python.path, "heap_truth.py") as target:
        target.run_to("live")
        code, out, lines = tool("heap", "--pid", target.pid, "-t", "30")
    assert code == 0 and lines == []
    assert re.search(r"^ +[\d.]+ MiB +[\d.]+% +Python objects", out, re.M)
    assert re.search(r" 3,001 .* __main__\.Plain$", out, re.M)
    for word in ("Largest objects", "pymalloc", "malloc", "Garbage collector", "it is disabled"):
        assert word in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120


def test_map(one_python, tmp_path):
    """The arenas as a picture."""
    path = tmp_path / "map.svg"
    with Fixture(one_python.path, "heap_truth.py") as target:
        code, _, lines = tool("heap", "--pid", target.pid, "-o", path)
        look = heap(target)
    assert code == 0, lines
    assert path.read_text().count("<title>") == len(look["pymalloc"]["arenas"])


def test_watch(some_python):
    """Growth by type since the first look."""
    with Fixture(some_python.path, "growing_heap.py") as target:
        with Tool(
            "heap", "--pid", target.pid, "--watch", "-i", "200ms", stdout=-1
        ) as watching:
            growth = None
            while not growth:
                line = watching.popen.stdout.readline()
                assert line, watching.stderr
                target.go()
                assert target.said() == "MORE"
                growth = re.search(r"\+(\d+) +[\d,]+ +__main__\.Kept$", line)
            watching.signal(2)
            watching.popen.stdout.read()
            assert watching.finish() == 0
    assert int(growth.group(1)) % 100 == 0


def assert_counts(target, before):
    """In another allocator's blocks the same objects."""
    truth = target.run_to("live")
    look = heap(target)
    found, had = counts(look), counts(before)
    more = {name: number - had.get(name, 0) for name, number in found.items()}
    assert {name: more.get(name) for name in truth["counts"]} == truth["counts"]
    for name, number in truth["more"].items():
        assert number - 5 <= more[name] <= number + 150, name
    assert_adds_up(look)
    assert abs(look["gc"]["tracked"] - look["gc"]["frozen"] - truth["tracked"]) <= 30
    return look


def test_debug_allocator(python):
    """PYTHONMALLOC=debug: each block is wrapped, those of malloc twice."""
    with Fixture(python.path, "heap_truth.py", env={"PYTHONMALLOC": "debug"}) as target:
        target.run_to("before")
        look = assert_counts(target, heap(target))
    assert look["python"]["allocator"] == "pymalloc_debug"


@pytest.mark.parametrize(
    "name, value, allocator",
    [
        ("PYTHONDEVMODE", "1", "pymalloc_debug"),
        ("PYTHONMALLOC", "malloc_debug", "malloc_debug"),
        ("PYTHONMALLOC", "malloc", "malloc"),
    ],
)
def test_other_allocators(some_python, name, value, allocator):
    with Fixture(some_python.path, "heap_truth.py", env={name: value}) as target:
        target.run_to("before")
        look = assert_counts(target, heap(target))
    assert look["python"]["allocator"] == allocator
    assert (look["pymalloc"] is None) == allocator.startswith("malloc")


def test_refuses(one_python, refused_python):
    """What is no supported Python, in one line; and wrong usage."""
    with Process(["sleep", "60"]) as target:
        code, out, lines = tool("heap", "--pid", target.pid)
    assert (code, out, len(lines)) == (CANNOT_TRACE, "", 1)
    with Process([refused_python.path, "-c", "input()"], stdin=-1) as target:
        code, out, lines = tool("heap", "--pid", target.pid)
    assert (code, out, len(lines)) == (CANNOT_TRACE, "", 1)
    for arguments in ((), ("--pid", 1, "--pid", 2), ("--pid", 1, "-o", "x.folded")):
        code, out, lines = tool("heap", *arguments)
        assert (code, out, len(lines)) == (USAGE, "", 1), arguments
