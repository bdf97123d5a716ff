# SPDX-License-Identifier: BSD-2-Clause
"""The result as Markdown, from the same dict that becomes the JSON."""

from cells import LOOK_S

BUDGET_PCT = 2  # auto mode's default


def times(value):
    return "%.2fx" % value if value < 9.95 else "%.1fx" % value


def with_interval(value, interval):
    return "%s [%.2f-%.2f]" % (times(value), *interval)


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
    yield ""


def verdict(row):
    return "yes" if row["met"] else "**no**"


def ms(pair):
    return "%.1f → %.1f" % tuple(pair)


def slowdowns(result):
    tools = [tool for tool in result["tools"] if any(row["tool"] == tool for row in result["rows"])]
    if not tools:
        return
    cells = {(row["workload"], row["tool"]): row for row in result["rows"]}
    yield "## Slowdown"
    yield ""
    yield (
        "Time of a round with the tool by time without it, wall clock, with a 95 % bootstrap "
        "interval. Ratio of medians; for auto mode, whose cost comes in bursts, see its own table."
    )
    yield ""
    head = ["workload", *(result["tools"][tool]["title"] for tool in tools)]
    wall, cpu = [], []
    for workload, title in result["workloads"].items():
        line = [cells.get((workload, tool)) for tool in tools]
        if any(line):
            wall.append(
                [title, *(with_interval(c["slowdown"], c["interval"]) if c else "-" for c in line)]
            )
            cpu.append([title, *(times(c["cpu_slowdown"]) if c else "-" for c in line)])
    yield from table(head, wall)
    yield "The same in CPU time of the process, which other load on the machine disturbs less:"
    yield ""
    yield from table(head, cpu)


def web(result):
    rows = [row for row in result["rows"] if "web" in row]
    if not rows:
        return
    yield "## Django under gunicorn: without → with"
    yield ""
    head = ["tool", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU a request"]
    yield from table(
        head,
        (
            [
                result["tools"][row["tool"]]["title"],
                *(ms(row["web"][key]) for key in ("requests_per_s", "p50_ms", "p95_ms", "p99_ms")),
                times(row["web"]["cpu"]),
            ]
            for row in rows
        ),
    )


def events(result):
    if not result.get("events"):
        return
    yield "## What an event costs: (exact - none) / (count only - none), loop A, CPU time"
    yield ""
    yield from table(
        ["frames", "none", "count only", "exact", "ratio", "target", "met"],
        (
            [
                row["frames"],
                *("%.3f s" % row[key] for key in ("none_s", "count_s", "exact_s")),
                with_interval(row["exact_to_count"], row["interval"]),
                "≤ %gx" % row["target"],
                verdict(row),
            ]
            for row in result["events"]
        ),
    )


def pair(result):
    if not result.get("pair"):
        return
    yield "## What a malloc/free pair costs, beside the work itself, CPU time"
    yield ""
    yield from table(
        [
            "loop B",
            "untraced",
            "pyleak-bpf exact, Python stack",
            "bcc memleak",
            "ratio",
            "target",
            "met",
        ],
        (
            [
                row["what"],
                *("%.0f ns" % row[key] for key in ("none_ns", "exact_ns", "memleak_ns")),
                with_interval(row["exact_to_memleak"], row["interval"]),
                "≤ %gx" % row["target"] if row["target"] else "",
                verdict(row) if row["target"] else "",
            ]
            for row in result["pair"]
        ),
    )


def within_budget(low, high):
    """Of slowdowns: bounds of an interval."""
    budget = 1 + BUDGET_PCT / 100
    if high <= budget:
        return "met"
    return "**not met**" if low > budget else "cannot be told"


def pct(value, low, high):
    return "%+.1f %% [%+.1f to %+.1f]" % tuple((x - 1) * 100 for x in (value, low, high))


PARTS = ("constant", "bursts", "look_s", "beside")


def part(row, name):
    """Of the CPU time, as text."""
    figure = row["bursts"]["cpu"][name]
    if name == "look_s":
        return "%.0f ms [%.0f to %.0f]" % tuple(seconds * 1e3 for seconds in figure)
    return pct(*figure)


def in_bursts(result):
    rows = [row for row in result.get("believed", ()) if "bursts" in row]
    if not rows:
        return
    yield "## Auto mode: what it costs, and whether that is ≤ %g %%" % BUDGET_PCT
    yield ""
    yield (
        "CPU time of units of some milliseconds, with 95 %% intervals. Constant: at rest, between "
        "bursts. Bursts: while probes are in place. First look: attachment and the first %g s of "
        "tracing, once. Slowdown: all three over the time traced. Rest: what units between bursts "
        "vary more than untraced ones, mostly noise; not in the slowdown." % LOOK_S
    )
    yield ""
    head = ["workload", "slowdown", "≤ %g %%" % BUDGET_PCT, "believed", "constant", "bursts"]
    yield from table(
        [*head, "first look", "rest", "wall clock"],
        (
            [
                result["workloads"][row["workload"]],
                "**%s**" % part(row, "slowdown"),
                within_budget(*row["bursts"]["cpu"]["slowdown"][1:]),
                "%.1f %%" % row["believed_pct"],
                *(part(row, name) for name in PARTS),
                pct(*row["bursts"]["wall"]["slowdown"]),
            ]
            for row in rows
        ),
    )


def believed(result):
    rows = [row for row in result.get("believed", ()) if "bursts" not in row]
    if not rows:
        return
    yield "## Overhead that the tool believes it causes, against the measured one (ratio of means)"
    yield ""
    yield from table(
        ["workload", "mode", "believed", "CPU time", "wall clock", "interval"],
        (
            [
                result["workloads"][row["workload"]],
                row["mode"],
                *("%.1f %%" % row[key] for key in ("believed_pct", "cpu_pct", "wall_pct")),
                "%.1f to %.1f %%" % tuple(row["interval_pct"]),
            ]
            for row in rows
        ),
    )


def naming(result):
    if not result.get("naming"):
        return
    yield "## A leak of 50 KB/s within 1,000,000 allocations a second: when its line is named first"
    yield ""
    yield from table(
        [
            "mode",
            "first after",
            "at the end",
            "allocations/s",
            "leak",
            "believed overhead",
            "target",
            "met",
        ],
        (
            [
                row["mode"],
                "%.1f s" % row["named_first_after_s"]
                if row["named_first_after_s"] is not None
                else "not",
                "rank %s" % (row["rank_at_end"] or "-"),
                "{:,.0f}".format(row["allocations_per_s"]),
                "%.0f KB/s" % (row["kept_bytes_per_s"] / 1024),
                "%.1f %%" % row["believed_overhead_pct"]
                if row["believed_overhead_pct"] is not None
                else "-",
                "≤ %d s" % row["target"],
                verdict(row),
            ]
            for row in result["naming"]
        ),
    )


def judging(result):
    if not result.get("judging"):
        return
    yield "## Survivors misjudged, against exact mode on the same deterministic program"
    yield ""
    yield from table(
        [
            "mode",
            "sites judged",
            "survivors",
            "of them really freed",
            "sites called keeping",
            "that do not keep",
            "keeping, missed",
        ],
        (
            [
                row["mode"],
                row["sites_judged"],
                "{:,.0f}".format(row["survivors"]),
                "%.2f %%" % (100 * row["survivors_really_freed"]) if row["survivors"] else "-",
                row["sites_called_keeping"],
                row["sites_called_keeping_that_do_not"],
                "%d of %d" % (row["sites_keeping_missed"], row["sites_keeping"]),
            ]
            for row in result["judging"]
        ),
    )


def not_run(result):
    yield "## Not run, and why"
    yield ""
    together = {}
    for row in result["not_run"]:
        together.setdefault((row["tool"], row["why"]), []).append(row["what"])
    if together:
        yield from table(
            ["what", "with", "why"], ([", ".join(what), *key] for key, what in together.items())
        )
    else:
        yield "Nothing was left out."
        yield ""


QUIET_LOAD = 0.5


def machine(result):
    m = result["machine"]
    yield "# Benchmark of %s" % m["date"][:10]
    yield ""
    yield "%s, %s cores%s, %s; Linux %s, %s; %s; commit %s; load %.1f before%s." % (
        m["cpu"],
        m["cores"],
        ", virtual" if m["hypervisor"] else "",
        m["memory"],
        m["kernel"],
        m["system"],
        m["python"],
        m["commit"] or "not known",
        m["load_before"],
        "" if m["load_before"] <= QUIET_LOAD else ": **not quiet, the figures are coarse**",
    )
    yield ""
    yield (
        "The workload is pinned to CPU %d, the tools are free. One process in which the tool goes "
        "in and out; for tools that cannot (heaptrack, memray) two processes that take turns. "
        "Phases alternate, so that drift cancels. "
        'Tools in "the tree" and their untraced rounds run %s.'
        % (m["workload_cpu"], m.get("tree_python") or "another Python")
    )
    yield ""
    yield "Versions: %s." % ", ".join(
        "%s %s" % (name, version) for name, version in sorted(m["versions"].items()) if version
    )
    yield ""


def markdown(result):
    parts = (machine, slowdowns, web, events, pair, in_bursts, believed, naming, judging, not_run)
    return "\n".join(line for part in parts for line in part(result)) + "\n"


def selfcheck():
    row = {
        "workload": "json",
        "tool": "exact",
        "slowdown": 1.5,
        "interval": [1.4, 1.6],
        "cpu_slowdown": 1.5,
    }
    shown = {
        "cpu": "C",
        "cores": 2,
        "hypervisor": True,
        "memory": "1 kB",
        "kernel": "6",
        "system": "D",
        "python": "P",
        "commit": "c",
        "load_before": 3.0,
        "workload_cpu": 0,
        "versions": {"wrk": "4"},
        "date": "2026-01-01T00:00:00Z",
    }
    three = [1.03, 1.021, 1.04]
    cost = dict.fromkeys(("slowdown", "constant", "bursts", "beside"), three)
    cost["look_s"] = [0.1, 0.05, 0.15]
    auto = {
        "workload": "json",
        "mode": "auto",
        "believed_pct": 2.0,
        "bursts": {"cpu": cost, "wall": cost, "segments": 2},
    }
    text = markdown(
        {
            "believed": [auto],
            "machine": shown,
            "workloads": {"json": "json"},
            "tools": {"exact": {"title": "us"}},
            "rows": [row],
            "not_run": [{"what": what, "tool": "them", "why": "a|b"} for what in ("x", "y")],
        }
    )
    for line in (
        "| json | 1.50x [1.40-1.60] |",
        "| json | **+3.0 % [+2.1 to +4.0]** | **not met** | 2.0 % |",
        "| 100 ms [50 to 150] |",
        "| x, y | them | a\\|b |",
        "# Benchmark of 2026-01-01",
    ):
        assert line in text, text
    assert "not quiet" in text and within_budget(1, 1.019) == "met", text
    assert within_budget(1, 1.03) == "cannot be told"
