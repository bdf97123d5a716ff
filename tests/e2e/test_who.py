# SPDX-License-Identifier: BSD-2-Clause
"""pyleak-bpf who: the path to objects whose holder is known."""

import json
import signal
import subprocess

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
        for number in range(5):
            holders.run_to("growing_%d" % number)
            for what, container in (("Growing", "GROWING"), ("GrowingValue", "GROWING_TABLE")):
                answer = holders.answer(what)
                shape = answer["shapes"][0]
                assert labels(shape)[:2] == ["module __main__", "__main__." + container]
                assert len(shape["steps"]) == 3 and shape["dominating"] == 1
                assert shape["steps"][1]["grew"] > 0
                assert answer["grew_over_s"] > 0


def test_addresses(python):
    with Holders(python) as holders:
        for name in ("queue", "queue_block"):
            answer = holders.answer("%#x" % holders.truth[name])
            assert answer["what"] == "collections.deque"
            assert labels(answer["shapes"][0]) == ["module __main__", "__main__.QUEUE"]
            assert int(answer["shapes"][0]["example"], 16) == holders.truth["queue"]


def ask(target, what):
    code, out, lines = harness.tool(
        "who", "--pid", target.pid, what, "-i", "100ms", "-o", "-", "-f", "json"
    )
    assert code == 0, lines
    return json.loads(out)


def test_code(python):
    """What code objects refer to is theirs, though the collector is not told."""
    with harness.Fixture(python.path, "code_texts.py") as target:
        for name, address in target.run_to("live").items():
            (shape,) = ask(target, "%#x" % address)["shapes"]
            assert labels(shape)[:2] == ["module __main__", "__main__.CODE"], name
            assert labels(shape)[-1] == "." + name.replace("co_lnotab", "co_linetable")


def test_head_that_is_newer_than_the_look(python):
    """A chain that grows at its head hangs on an object that was made after its others had been read."""
    with harness.Fixture(python.path, "round_about.py") as target:
        target.run_to("live")
        answers = [labels(ask(target, "__main__.Edit")["shapes"][0]) for _ in range(10)]
    right = [path for path in answers if path[:3] == ["module __main__", "__main__.LAST", ".before"]]
    # It goes on between any two reads: now and then a path is broken still, and that is said.
    assert len(right) >= 8, answers


def test_memory_of_c_code(python):
    """What a pickler remembers is in a table of its own."""
    with harness.Fixture(python.path, "round_about.py") as target:
        truth = target.run_to("live")
        answer = ask(target, "__main__.Sent")
    assert answer["found"] == truth["sent"]
    (shape,) = answer["shapes"]
    assert labels(shape) == ["module __main__", "__main__.PICKLER", "(memory)"]
    assert shape["samples"] == answer["sampled"]


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


SITES = ["site:app.py", "site:app.py:", "site:app.py:x", "site:app.py:0", "site::12"]


@pytest.mark.parametrize("what", ["0xnonsense", *SITES])
def test_questions_that_are_none(one_python, what):
    with Holders(one_python) as holders:
        code, out, lines = holders.ask(what)
    assert (code, out) == (2, "")
    assert len(lines) == 1 and what in lines[0]


def line_of(mark, script="holders.py"):
    lines = (harness.FIXTURES / script).read_text().splitlines()
    return 1 + next(i for i, line in enumerate(lines) if line.endswith("# " + mark))


def ask_for_line(holders, place):
    """Trace while the fixture allocates there; (status, answer or None, lines of stderr)."""
    what = ("who", "--pid", holders.pid, "site:" + place, "-m", "exact", "-d", "1h", "-i", "100ms")
    with harness.Tool(*what, "-o", "-", "-f", "json", stdout=subprocess.PIPE) as tool:
        tool.wait_started()
        holders.run_to("traced")
        tool.signal(signal.SIGINT)
        out = tool.popen.stdout.read()
        code = tool.finish()
    return code, json.loads(out) if out else None, tool.lines


def test_line(python, can_trace):
    with Holders(python) as holders:
        place = "fixtures/holders.py:%d" % line_of("TRACED")
        code, answer, lines = ask_for_line(holders, place)
    assert code == 0, lines
    assert answer["what"] == "site:" + place
    assert answer["found"] == holders.truth["traced"]
    shape = answer["shapes"][0]
    assert labels(shape) == ["module __main__", "__main__.TRACED", "[…]"]
    assert shape["samples"] >= answer["sampled"] - 1
    assert shape["steps"][1]["length"] == holders.truth["traced"] - 1
    assert shape["steps"][2]["type"] == "__main__.Traced"


def test_line_in_auto_mode(one_python, can_trace):
    with harness.Fixture(one_python.path, "service.py", "quiet") as target:
        target.run_to("serving")
        what = "site:service.py:%d" % line_of("LEAK", "service.py")
        code, out, lines = harness.tool(
            *("who", "--pid", target.pid, what, "-d", "8s", "--budget", "50", "-i", "100ms"),
            *("-o", "-", "-f", "json"),
        )
    assert code == 0, lines
    shape = json.loads(out)["shapes"][0]
    assert labels(shape) == ["module __main__", "__main__.KEPT", "[…]"]
    assert shape["steps"][2]["type"] == "bytes"


def test_line_without_anything(one_python, can_trace):
    with Holders(one_python) as holders:
        code, answer, lines = ask_for_line(holders, "holders.py:1")
    assert (code, answer) == (1, None)
    assert "holders.py:1 " in lines[-1]
    assert "line %d" % line_of("TRACED") in lines[-1]


def test_line_of_no_probes(one_python):
    with Holders(one_python) as holders:
        code, out, lines = holders.ask("site:holders.py:1", "-m", "growth")
    assert (code, out) == (2, "")
    assert len(lines) == 1 and "mode growth" in lines[0]


def test_nothing_to_ask(built):
    code, _, lines = harness.tool("who", "--pid", 1)
    assert code == 2 and len(lines) == 1


def test_no_python(built):
    with harness.Process(["sleep", "1000"]) as process:
        code, _, lines = harness.tool("who", "--pid", process.pid, "dict")
    assert code == harness.CANNOT_TRACE and len(lines) == 1
