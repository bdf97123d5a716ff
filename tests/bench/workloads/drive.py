# SPDX-License-Identifier: BSD-2-Clause
"""The traced process: one workload, rounds of a fixed piece of work, on command.

    python3 drive.py CPU WORKLOAD [KEY=NUMBER]...
    python3 drive.py CPU WORKLOAD fine

Pins itself to CPU (-1: not), sets the workload up (fine: with its FINE options, which make rounds
of some ms, the same work in smaller pieces), and answers each line on stdin with a line
"BENCH {json}":
    run SECONDS MIN      rounds until SECONDS have passed, MIN at least, fewer if that takes
                         3 * SECONDS (unless 0): their wall and CPU times in ns
    series               rounds until the next line, without a gap: when each ended and what it took
    pace SECONDS         the workload's paced form, for SECONDS of real time: what it did
    tracemalloc FRAMES   on with that many frames; 0 = off
    quit
Runs under every CPython that the tool supports: nothing newer than 3.8 here, no packages.
"""
import array
import gc
import importlib
import json
import os
import select
import sys
import time

# Small ones: the interpreter has them once and for all.
NUMBERS = tuple(range(1, 200)) * 12


def answer(value):
    sys.stdout.write("BENCH %s\n" % json.dumps(value))
    sys.stdout.flush()


def run(work, seconds, at_least):
    """Called from main(), calls work(): the loops are the fourth Python frame of the stack."""
    wall, cpu = [], []
    gc.collect()
    begin, enough = time.perf_counter_ns(), int(seconds * 1e9)
    while True:
        elapsed = time.perf_counter_ns() - begin
        if wall and elapsed >= enough and (len(wall) >= at_least or elapsed >= 3 * enough > 0):
            break
        cpu_before, wall_before = time.process_time_ns(), time.perf_counter_ns()
        work()
        wall.append(time.perf_counter_ns() - wall_before)
        cpu.append(time.process_time_ns() - cpu_before)
    return {"wall": wall, "cpu": cpu}


def spin():
    """Work of some 60 us that allocates nothing: only the machine's noise makes it slower."""
    kept = 0
    for number in NUMBERS:
        if number == kept:
            kept = number
    return kept


def series(work):
    """Also the fourth frame. Arrays: what is recorded is no object for a tracer to see survive."""
    when, cpu = array.array("q"), array.array("q")
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    gc.collect()
    while not poll.poll(0):
        for piece in (spin, work):
            piece()
            when.append(time.perf_counter_ns())
            cpu.append(time.process_time_ns())
    sys.stdin.readline()
    return {"when": list(when), "cpu": list(cpu)}


def trace_here(frames):
    import tracemalloc

    tracemalloc.stop()
    if frames:
        tracemalloc.start(frames)
    return {}


def options_of(module, words):
    if words == ["fine"]:
        return module.FINE
    return {key: int(value) for key, value in (word.split("=") for word in words)}


def main():
    cpu = int(sys.argv[1])
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    module = importlib.import_module("work_" + sys.argv[2])
    work = module.setup(**options_of(module, sys.argv[3:]))
    run(work, 0, 2)  # warm: caches filled, code specialized, pools there
    answer(dict(getattr(module, "facts", dict)(), pid=os.getpid(), python=sys.version.split()[0]))
    for line in iter(sys.stdin.readline, ""):
        word, *rest = line.split()
        if word == "run":
            done = run(work, float(rest[0]), int(rest[1]))
        elif word == "series":
            done = series(work)
        elif word == "pace":
            done = module.pace(float(rest[0]))
        elif word == "tracemalloc":
            done = trace_here(int(rest[0]))
        else:
            break
        answer(done)


if __name__ == "__main__":
    main()
