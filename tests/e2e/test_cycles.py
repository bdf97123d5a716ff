# SPDX-License-Identifier: BSD-2-Clause
"""Garbage in cycles before the collector comes to it: how much, of which types, why it stays."""

import json
import os
import re

import pytest

from harness import Fixture, tool

# What a fixture does, and what is said of it.
REASONS = {
    "none": "none",
    "disabled": "disabled",
    "threshold": "threshold",
    "zero": "threshold",
    "seldom": "threshold",
    "pending": "pending",
    "old": "old",
    "frozen": "frozen",
    "saved": "uncollectable",
    "final": "disabled",
}
# The incremental collector has two spaces of one old generation, and no use for their thresholds.
INCREMENTAL = {"old": "incremental", "seldom": "incremental"}
# The list that it is in: the first generation, the oldest, or none.
GENERATION = {"old": 2, "seldom": 2, "none": None, "saved": None, "frozen": None}


@pytest.fixture(autouse=True)
def readable(built):
    if os.geteuid():
        pytest.skip("reading another process needs root")


def heap(target, *options):
    code, out, lines = tool("heap", "--pid", target.pid, "-f", "json", *options)
    assert code == 0, lines
    assert lines == []
    look = json.loads(out)
    assert look["gc"]["complete"]
    return look


def is_incremental(python):
    """Only these had it; the others of 3.14 went back."""
    micro = re.match(r"3\.14\.(\d+)$", python.version)
    return bool(micro) and int(micro.group(1)) <= 4


def types_of(cycles):
    found = {each["name"]: each["count"] for each in cycles["types"]}
    assert len(found) == len(cycles["types"])
    assert sum(found.values()) == cycles["count"]
    assert sum(each["bytes"] for each in cycles["types"]) == cycles["bytes"]
    return found


def assert_generation(cycles, name, incremental):
    generations = cycles["generations"]
    at = GENERATION.get(name, 0)
    if at is not None and incremental and at:
        assert sum(generations[1:]) == cycles["count"]
    elif at is not None:
        assert generations[at] == cycles["count"]
    if name == "frozen":
        assert cycles["frozen"] == cycles["count"] and not any(generations)
    elif at is None:
        assert cycles["frozen"] == 0 and not any(generations)


@pytest.mark.parametrize("name", REASONS)
def test_reason(python, name):
    """Number, bytes and types are the program's own, and gc.collect() finds as many afterwards."""
    incremental = is_incremental(python)
    with Fixture(python.path, "cycle_reasons.py", name) as target:
        truth = target.run_to("made")
        look = heap(target)
        frozen = heap(target, "--freeze")
        collected = target.run_to("collected")
        after = heap(target)
    assert look["gc"]["incremental"] is incremental
    for cycles in look["cycles"], frozen["cycles"]:
        assert cycles["count"] == truth["count"]
        assert cycles["bytes"] == truth["bytes"]
        assert types_of(cycles) == truth["types"]
        wanted = INCREMENTAL.get(name) if incremental else None
        assert cycles["reason"] == (wanted or REASONS[name])
        assert cycles["changed"] == 0
        assert_generation(cycles, name, incremental)
    # What was saved is freed only now; what has come back is not.
    assert collected["found"] == truth.get("found", truth["count"])
    assert look["gc"]["garbage"] == truth.get("garbage", 0)
    assert collected["alive"] == (truth["types"].get("__main__.Final", 0))
    assert after["cycles"]["count"] == 0 and after["cycles"]["reason"] == "none"


KINDS = "instances lists dict_and_tuple slots closures exceptions generators sets classes nothing"


@pytest.mark.parametrize("kind", KINDS.split())
def test_kinds(python, kind):
    """What Python programs make cycles of."""
    with Fixture(python.path, "garbage.py", kind, 200) as target:
        cycles = heap(target)["cycles"]
        target.go()
        word, found, freed = target.said().split()
    assert word == "TRUTH"
    if kind == "nothing":
        assert cycles["count"] == 0
    else:
        assert 0.9 * int(found) <= cycles["count"] <= int(freed)
        assert cycles["reason"] == "disabled"


def test_text(one_python):
    """For people: how many, why, and which types."""
    with Fixture(one_python.path, "cycle_reasons.py", "disabled") as target:
        truth = target.run_to("made")
        code, out, lines = tool("heap", "--pid", target.pid)
    assert code == 0 and lines == []
    pattern = r"^ +garbage in cycles: (\d+) objects, .*: the garbage collector is disabled$"
    said = re.search(pattern, out, re.M)
    assert said and int(said.group(1)) == truth["count"]
    assert re.search(r"^ +[\d.]+ KiB +%d +list$" % truth["types"]["list"], out, re.M)


def test_too_many(one_python):
    """More objects than are asked without --cycles."""
    with Fixture(one_python.path, "many_objects.py") as target:
        look = heap(target)
        code, out, lines = tool("heap", "--pid", target.pid)
        asked = heap(target, "--cycles")
    assert look["objects"]["count"] > 1000000 and look["cycles"] is None
    assert code == 0 and "asked only with --cycles" in out
    assert asked["cycles"]["count"] == 0
