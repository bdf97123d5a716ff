# SPDX-License-Identifier: BSD-2-Clause
"""
What a report says against what a program says of itself; pure.

A program has one answer: the report's first verdict that is a leak, else the first suspect, else
nothing. Of it each of kind, cause, line, type and holder is right, wrong, silent (nothing said) or
open (whatever it says, the truth does not ask). The report's verdicts are sorted by bytes a second:
first is what a person reads.
"""
import os

RIGHT, WRONG, SILENT, OPEN = "right", "wrong", "silent", "open"
ASPECTS = ("kind", "cause", "line", "type", "holder")


def process_of(report, pid):
    for process in report["processes"]:
        if process["pid"] == pid:
            return process
    raise KeyError("the report has no process %d" % pid)


def site_of(process, verdict):
    """None: of the process as a whole."""
    number = verdict.get("site")
    if number is None or number < 0:
        return None
    by_id = [site for site in process["sites"] if site["id"] == number]
    return by_id[0] if by_id else None


def place(it):
    """path:line of a site or a frame, None without a Python line."""
    path = it.get("path")
    if not path or not it.get("line"):
        return None
    return "%s:%d" % (path if path.startswith("<") else os.path.realpath(path), it["line"])


def real(places):
    split = [it.rsplit(":", 1) for it in places if it is not None]
    there = {place({"path": path, "line": int(line)}) for path, line in split}
    return there | ({None} if None in places else set())


def in_library(site, truth):
    path = os.path.realpath(site.get("path") or "")
    folders = [os.path.realpath(it) for it in truth["library"]]
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def passes(process, site, lines):
    """One of the site's stacks goes through one of the lines."""
    stacks = {stack["id"]: stack for stack in process.get("stacks", ())}
    for number in site.get("stacks", ()):
        frames = stacks[number]["frames"] if number in stacks else ()
        if any(place(it) in lines for it in frames if it["kind"] == "python"):
            return True
    return False


def judged(said, accepted, is_right):
    """None among what is accepted: silence is right too, and then nothing is gained by it."""
    if not said:
        return OPEN if None in accepted else SILENT
    if set(accepted) == {None}:
        return OPEN
    return RIGHT if is_right else WRONG


def judge_line(process, verdict, truth):
    site, lines = site_of(process, verdict), real(truth["line"])
    if site is None:
        return judged(None, lines, False)
    if place(site) is None:
        return OPEN if None in lines else WRONG
    fits = place(site) in lines or in_library(site, truth) and passes(process, site, lines)
    return RIGHT if fits else WRONG


def bare_name(name):
    return name[len("builtins.") :] if name.startswith("builtins.") else name


def judge_type(verdict, truth):
    types = verdict.get("types") or []
    name = bare_name(types[0]["name"]) if types else None
    return judged(name, truth["type"], name in truth["type"])


def judge_holder(verdict, truth):
    path = " ".join(verdict.get("held_by") or [])
    fits = any(part in path for part in truth["holder"] if part)
    return judged(path, truth["holder"], fits)


def judge_cause(verdict, truth):
    return RIGHT if verdict["cause"] in truth["cause"] else WRONG


def first(verdicts, kind):
    return next((it for it in verdicts if it["kind"] == kind), None)


def judge_leak(process, verdicts, truth):
    leak = first(verdicts, "leak")
    answer = leak or first(verdicts, "suspect")
    if not answer:
        return None, dict.fromkeys(ASPECTS, SILENT)
    return answer, {
        "kind": RIGHT if leak else SILENT,
        "cause": judge_cause(answer, truth),
        "line": judge_line(process, answer, truth),
        "type": judge_type(answer, truth),
        "holder": judge_holder(answer, truth),
    }


def judge_innocent(verdicts, truth):
    """A leak that is none is wrong in all that it says."""
    leak = first(verdicts, "leak")
    if leak:
        said = {
            "cause": True,
            "line": leak.get("site") is not None,
            "type": leak.get("types"),
            "holder": leak.get("held_by"),
        }
        return leak, dict({it: WRONG if there else OPEN for it, there in said.items()}, kind=WRONG)
    aspects = dict.fromkeys(ASPECTS, OPEN)
    causes = [it["cause"] for it in verdicts if it["kind"] == "not_a_leak"]
    if causes:
        aspects["calm"] = RIGHT if set(causes) & set(truth["cause"]) else WRONG
    return first(verdicts, "suspect") or first(verdicts, "not_a_leak"), aspects


def is_true(process, verdict, truth):
    """Of one verdict, whichever: is what it says of kind, cause and place so?"""
    line = judge_line(process, verdict, truth) if truth["kind"] == "leak" else WRONG
    is_place = line in (RIGHT, OPEN)
    if verdict["kind"] == "leak":
        return is_place and verdict["cause"] in truth["cause"]
    return is_place if verdict["kind"] == "suspect" else not is_place


def judge(report, truth):
    """Row of a program: aspects, the answer in short; of each verdict confidence and if it is true."""
    process = process_of(report, truth["pid"])
    verdicts = process["verdicts"]
    if truth["kind"] == "leak":
        answer, aspects = judge_leak(process, verdicts, truth)
    else:
        answer, aspects = judge_innocent(verdicts, truth)
    site = site_of(process, answer) if answer else None
    return {
        "aspects": aspects,
        "answer": answer and {
            "kind": answer["kind"],
            "cause": answer["cause"],
            "confidence": answer.get("confidence"),
            "line": site and (place(site) or site.get("module")),
            "type": (answer.get("types") or [{"name": None}])[0]["name"],
            "holder": " → ".join(answer.get("held_by") or []) or None,
        },
        "verdicts": [
            [it["kind"], it.get("confidence"), is_true(process, it, truth)] for it in verdicts
        ],
    }


def ratio(right, all_):
    return right / all_ if all_ else None


def metrics(rows):
    """
    Of rows with the program's kind and its aspects (None: it failed). Recall: of leaks that have that
    aspect, those answered right; precision: of answers, innocents' included, those right.
    """
    result = {}
    for aspect in ASPECTS:
        leaks = [(it["aspects"] or {}).get(aspect, SILENT) for it in rows if it["kind"] == "leak"]
        asked = [it for it in leaks if it != OPEN]
        accused = [it["aspects"][aspect] for it in rows if it["kind"] != "leak" and it["aspects"]]
        right, wrong = leaks.count(RIGHT), leaks.count(WRONG) + accused.count(WRONG)
        result[aspect] = {
            "right": right,
            "answered": right + wrong,
            "asked": len(asked),
            "precision": ratio(right, right + wrong),
            "recall": ratio(right, len(asked)),
        }
    innocents = [it for it in rows if it["kind"] != "leak"]
    spared = sum(1 for it in innocents if it["aspects"] and it["aspects"]["kind"] != WRONG)
    result["innocent"] = {
        "right": spared,
        "asked": len(innocents),
        "recall": ratio(spared, len(innocents)),
    }
    calm = [it["aspects"]["calm"] for it in innocents if it["aspects"] and "calm" in it["aspects"]]
    result["calm"] = {
        "right": calm.count(RIGHT),
        "answered": len(calm),
        "precision": ratio(calm.count(RIGHT), len(calm)),
    }
    return result


def calibration(rows):
    """By tenth of confidence: verdicts that are true, and all; of leaks, and of every kind."""
    deciles = [{"from": i / 10, "leak": [0, 0], "any": [0, 0]} for i in range(10)]
    for row in rows:
        for kind, confidence, true in row.get("verdicts") or ():
            if confidence is None:
                continue
            decile = deciles[min(9, max(0, int(confidence * 10 + 1e-9)))]
            for column in ("any", "leak") if kind == "leak" else ("any",):
                decile[column][0] += bool(true)
                decile[column][1] += 1
    return deciles


def required(text):
    """kind=0.95,line.recall=0.9 -> [(aspect, figure or None, least)]"""
    wanted = []
    for word in filter(None, text.replace(" ", "").split(",")):
        name, _, least = word.partition("=")
        aspect, _, figure = name.partition(".")
        if aspect not in ASPECTS + ("innocent", "calm") or figure not in ("", "precision", "recall"):
            raise ValueError("cannot require %s" % word)
        wanted.append((aspect, figure, float(least)))
    return wanted


def missed(result, wanted):
    """What is below; a figure that there is not, too."""
    lines = []
    for aspect, figure, least in wanted:
        for name in [figure] if figure else ["precision", "recall"]:
            value = result[aspect].get(name, None if figure else least)
            if value is None or value < least:
                shown = "not known" if value is None else "%.3f" % value
                lines.append("%s.%s is %s, at least %g is required" % (aspect, name, shown, least))
    return lines


def growth(points):
    """Bytes a second between the floors of the two halves: what a sawtooth returns to."""
    half = points[-1][0] / 2
    floors = [min(rss for t, rss in points if (t >= half) == late) for late in (False, True)]
    return (floors[1] - floors[0]) / half


LEAST_LEAK, MOST_LEAK, MOST_INNOCENT, MOST_CPU = 60e3, 800e3, 20e3, 0.20


def wrong_bare(kind, rate, cpu):
    """What does not hold of a program that ran without the tool; empty: its truth holds."""
    wrong = []
    if kind == "leak" and not LEAST_LEAK <= rate <= MOST_LEAK:
        wrong.append("a leak of %.0f KB/s" % (rate / 1e3))
    if kind != "leak" and rate > MOST_INNOCENT:
        wrong.append("innocent, and grows by %.0f KB/s" % (rate / 1e3))
    if cpu > MOST_CPU:
        wrong.append("takes %.0f %% of a CPU" % (100 * cpu))
    return wrong
