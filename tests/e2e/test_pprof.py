# SPDX-License-Identifier: BSD-2-Clause
"""The pprof profile, read by Go's own pprof: its totals are those of the report and of the program itself."""

import re
import subprocess
from collections import Counter

import pytest

from harness import FIXTURES, Fixture, trace

pytestmark = pytest.mark.usefixtures("can_trace")

# In the order of the sample types.
FIGURES = ("alloc_count", "alloc_bytes", "live_count", "live_bytes")
TYPES = "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]"
SAMPLE = re.compile(r"^ *(\d+) +(\d+) +(\d+) +(\d+): ([\d ]+)$")
LABEL = re.compile(r"(\w+):\[([^\]]*)\]")
ROW = re.compile(r"^ *(\d+)B? +\S+% +\S+% +(\d+)B? +\S+%  (.*)$")
HEAP = ("raw", "object")


def pprof(tmp_path, *arguments):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path)}
    command = ["go", "tool", "pprof", "-symbolize=none", *arguments, str(tmp_path / "out.pb.gz")]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Raw:
    """What pprof -raw shows: samples as (figures, location ids, labels), and the lines of each further part."""

    def __init__(self, text):
        self.samples, self.parts = [], {}
        lines = text.splitlines()
        self.start = lines.index("Samples:") + 1
        self.types = lines[self.start]
        part = None
        for line in lines[self.start + 1 :]:
            sample = SAMPLE.match(line)
            if line in ("Locations", "Mappings"):
                part = self.parts.setdefault(line, [])
            elif part is not None:
                part.append(line.strip())
            elif sample:
                self.samples.append(([int(n) for n in sample.groups()[:4]], sample.group(5).split(), {}))
            else:
                labels = LABEL.findall(line)
                assert labels, line
                self.samples[-1][2].update(labels)

    def total(self, **labels):
        chosen = [s[0] for s in self.samples if labels.items() <= s[2].items()]
        return [sum(column) for column in zip(*chosen)]


def reported(stacks, *domains):
    return [sum(stack[key] for stack in stacks if stack["domain"] in domains) for key in FIGURES]


def top(tmp_path, *arguments):
    """{function: (flat, cum)} of everything."""
    text = pprof(tmp_path, "-top", "-unit=B", "-nodecount=1000000", "-nodefraction=0", *arguments)
    return text, {m.group(3): (int(m.group(1)), int(m.group(2))) for m in map(ROW.match, text.splitlines()) if m}


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"Build ID: ([0-9a-f]+)", notes.stdout)
    return found.group(1) if found else None


def check_mappings(raw, report):
    """Where the files are and which builds they are, by what readelf says; the program is the first."""
    modules = report.process["modules"]
    assert modules[0]["path"] == report.process["exe"]
    want = set()
    for module in modules:
        assert module["build_id"] == build_id(module["path"])
        want.add("0x%x/0x%x/0x0 %s %s" % (module["start"], module["end"], module["path"], module["build_id"] or ""))
    have = [line.split(": ", 1)[1].split("[FN]")[0].strip() for line in raw.parts["Mappings"]]
    assert set(have) <= {line.strip() for line in want}
    assert have[0].split()[1] == modules[0]["path"]


def test_totals(tmp_path, some_python):
    """Every figure of every sample type, by pid and domain; each line's live bytes are what the program knows."""
    with Fixture(some_python.path, "sites.py") as target:
        run = trace(tmp_path, target, outputs=("out.json", "out.pb.gz"))
        pid = str(target.pid)
    run.report.assert_truths(run.truth["kept"])
    raw = Raw(pprof(tmp_path, "-raw"))
    assert raw.types == TYPES
    assert raw.total() == raw.total(pid=pid) == reported(run.report.stacks, *HEAP)
    for domain in HEAP:
        assert raw.total(domain=domain) == reported(run.report.stacks, domain)
    for _, _, labels in raw.samples:
        assert labels.pop("domain") in HEAP
        wanted = {"pid": pid, "comm": run.report.process["comm"], "python": some_python.version}
        cgroup = run.report.process["cgroup"]
        assert labels == {**wanted, "cgroup": cgroup} if cgroup else wanted
    check_mappings(raw, run.report)

    text, functions = top(tmp_path)
    assert "Type: inuse_space" in text
    kept = {truth["function"]: truth["live_bytes"] for truth in run.truth["kept"]}
    assert {name: functions[name][0] for name in kept} == kept
    assert sum(flat for flat, _ in functions.values()) == reported(run.report.stacks, *HEAP)[3]
    _, functions = top(tmp_path, "-sample_index=alloc_space")
    passed = {truth["function"]: sum(truth["sizes"]) for truth in run.truth["passed"]}
    made = {name: functions[name][0] for name in passed}
    assert all(made[name] >= size for name, size in passed.items()), (made, passed)
    _, functions = top(tmp_path, "-sample_index=inuse_objects")
    counts = {truth["function"]: truth["live_count"] for truth in run.truth["kept"]}
    assert {name: functions[name][0] for name in counts} == counts


def place(frame):
    """As pprof -raw shows a location, but for its address; None where there is no more than an address."""
    if frame["kind"] == "python":
        return "%s %s:%d" % (frame["function"], frame["path"], frame["line"] or 0)
    if frame["kind"] == "native" and frame["function"]:
        return "%s %s:0" % (frame["function"], frame["module"])
    return None


def test_frames(tmp_path, some_python, alloc_cases):
    """Locations in the order of the frames, with lines; native ones in their files."""
    with Fixture(some_python.path, "alloc_cases.py", alloc_cases, FIXTURES / "alloc_cases.c") as target:
        run = trace(tmp_path, target, outputs=("out.json", "out.pb.gz"))
    raw = Raw(pprof(tmp_path, "-raw"))
    check_mappings(raw, run.report)
    mapped = {line.split(":")[0]: line.split()[2] for line in raw.parts["Mappings"]}
    places, native = {}, Counter()
    for line in raw.parts["Locations"]:
        number, mapping, shown = re.match(r"^(\d+): 0x[0-9a-f]+ (?:M=(\d+) )?(.*)$", line).groups()
        places[number] = re.sub(r" s=0(\(.*\))?$", "", shown)
        if mapping:
            native[mapped[mapping]] += 1
    assert native[str(alloc_cases)] > 5

    want, have = Counter(), Counter()
    for stack in run.report.stacks:
        frames = tuple(map(place, stack["frames"]))
        if stack["domain"] in HEAP and all(frames):
            want[frames] += stack["live_bytes"]
    for figures, locations, _ in raw.samples:
        have[tuple(places[number] for number in locations)] += figures[3]
    through = [frames for frames in want if frames and frames[0].endswith(" alloc_cases.so:0")]
    assert sum(want[frames] for frames in through) > 0
    assert {frames: have[frames] for frames in want} == dict(want)
    assert raw.total() == reported(run.report.stacks, *HEAP)
