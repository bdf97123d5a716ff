# SPDX-License-Identifier: BSD-2-Clause
"""pyleak-bpf who: the path to objects whose holder is known."""

import json

import pytest

import harness

pytestmark = pytest.mark.usefixtures("built")


class Holders(harness.Fixture):
    def __init__(self, python):
        super().__init__(python.path, "holders.py")
        self.truth = self.run_to("live")

    def ask(self, what, *options):
        return harness.tool("who", "--pid", self.pid, what, "-i", "100ms", *options)

    def answer(self, what, *options):
        code, out, lines = self.ask(what, "-o", "-", "-f", "json", *options)
        assert code == 0, lines
        return json.loads(out)


def labels(shape):
    return [step["label"] for step in shape["steps"]]


def is_part(part, whole):
    rest = iter(whole)
    return all(item in rest for item in part)


def shown(shape):
    return "    %d: %s" % (shape["samples"], " → ".join(step["text"] for step in shape["steps"]))


def check(truth, answer):
    """What is wrong; None = nothing."""
    if answer["found"] != truth["found"]:
        return "found %d" % answer["found"]
    if truth.get("unreachable"):
        return None if answer["unreachable"] == answer["sampled"] else "is reached"
    if answer["unreachable"]:
        return "%d unreachable" % answer["unreachable"]
    shape = answer["shapes"][0]
    named = labels(shape)
    if shape["samples"] * 10 < answer["sampled"] * 9 and not truth.get("repeated"):
        return "%d of %d samples" % (shape["samples"], answer["sampled"])
    if named != truth["path"] if truth["exact"] else not is_part(truth["path"], named):
        return "path"
    if truth.get("root", "module") not in (None, shape["root"]):
        return "root"
    if "dominating" in truth and shape["dominating"] != truth["dominating"]:
        return "dominating"
    if "length" in truth and shape["steps"][shape["dominating"] or 0]["length"] != truth["length"]:
        return "length"
    if "container" in truth and shape["steps"][shape["dominating"]]["type"] != truth["container"]:
        return "container"
    if truth.get("repeated") and not any(step["repeated"] for step in shape["steps"]):
        return "not repeated"
    return None


def test_paths(python):
    wrong = []
    with Holders(python) as holders:
        for what, truth in holders.truth["cases"].items():
            answer = holders.answer("__main__." + what)
            fault = check(truth, answer)
            if fault:
                wrong.append("%s: %s, not %s" % (what, fault, truth))
                wrong += [shown(shape) for shape in answer["shapes"][:3]]
    assert not wrong, "\n".join(wrong)


def test_growth(python):
    with Holders(python) as holders:
        holders.run_to("growing")
        answer = holders.answer("Growing")
    shape = answer["shapes"][0]
    assert labels(shape)[:2] == ["module __main__", "__main__.GROWING"]
    assert shape["dominating"] == 1
    assert shape["steps"][1]["grew"] > 0
    assert answer["grew_over_s"] > 0


def test_addresses(python):
    with Holders(python) as holders:
        for name in ("queue", "queue_block"):
            answer = holders.answer("%#x" % holders.truth[name])
            assert answer["what"] == "collections.deque"
            assert labels(answer["shapes"][0]) == ["module __main__", "__main__.QUEUE"]
            assert int(answer["shapes"][0]["example"], 16) == holders.truth["queue"]


def test_text_is_for_people(some_python):
    with Holders(some_python) as holders:
        code, out, lines = holders.ask("Session")
    assert code == 0, lines
    assert "__main__.Session in python" in out and ": 3,000 objects, 64 of them looked at" in out
    assert "module __main__ → __main__.CACHE (dict, 3,000 entries) → […] (Session)" in out
    assert "most are in __main__.CACHE: 3,000 entries, unchanged for" in out


def test_names_are_escaped(some_python):
    with Holders(some_python) as holders:
        evil = "%#x" % holders.truth["evil"]
        code, out, lines = holders.ask(evil)
        answer = json.dumps(holders.answer(evil), ensure_ascii=False)
    assert code == 0, lines
    assert "__main__.EVIL" in out and "Evil" in out
    out += answer
    assert "\x1b" not in out and "\u202e" not in out


def test_unknown_types_are_met_with_similar_ones(some_python):
    with Holders(some_python) as holders:
        code, out, lines = holders.ask("Sesion")
    assert (code, out) == (1, "")
    assert len(lines) == 1 and "no object of a type Sesion" in lines[0]
    assert "__main__.Session" in lines[0]


@pytest.mark.parametrize("what", ["0x10", "0xffffffffffffffff"])
def test_addresses_of_nothing(one_python, what):
    with Holders(one_python) as holders:
        code, out, lines = holders.ask(what)
    assert (code, out) == (1, "")
    assert len(lines) == 1 and what in lines[0]


@pytest.mark.parametrize("what", ["0xnonsense", "site:app.py:12"])
def test_questions_that_are_none(one_python, what):
    with Holders(one_python) as holders:
        code, out, lines = holders.ask(what)
    assert (code, out) == (2, "")
    assert len(lines) == 1 and what in lines[0]


def test_nothing_to_ask(built):
    code, _, lines = harness.tool("who", "--pid", 1)
    assert code == 2 and len(lines) == 1


def test_no_python(built):
    with harness.Process(["sleep", "1000"]) as process:
        code, _, lines = harness.tool("who", "--pid", process.pid, "dict")
    assert code == harness.CANNOT_TRACE and len(lines) == 1
