# SPDX-License-Identifier: BSD-2-Clause
"""A service's request loop with a leak in the middle of its churn.

A request builds rows, renders them and drops everything; every third keeps one string for ever.
pace() does ALLOCATIONS a second, so that the leak is LEAK bytes a second of real time; a round does
requests without pause.
"""
import inspect
import sys
import time

ALLOCATIONS = 1000000  # blocks a second
LEAK = 50 * 1024  # bytes a second
ROWS = 125
FIRST = 1000000  # number of the first request
KEEP_EVERY = 3  # requests

FINE = {"requests": 25}

# Slots are there from the start: the leak is strings and nothing else.
kept = [None] * 1000000


class Row:
    __slots__ = ("number", "name", "price")

    def __init__(self, number, name, price):
        self.number, self.name, self.price = number, name, price


def load(number):
    return [Row(number + i, "item %d" % (number + i), (number + i) * 0.01) for i in range(ROWS)]


def render(rows):
    return ["<td>%d</td><td>%s</td><td>%.2f</td>" % (r.number, r.name, r.price) for r in rows]


def group(rows):
    return {row.number: [row.name.upper(), (row.price, row.name)] for row in rows}


def remember(number, size):
    kept[number // KEEP_EVERY % len(kept)] = "%*d" % (size, number)


def handle(number, size):
    rows = load(number)
    page = render(rows)
    groups = group(rows)
    if size and number % KEEP_EVERY == 0:
        remember(number, size)
    return rows, page, groups


class Blocks:
    """Blocks that one request takes, by the interpreter's own count while all of them are held."""

    each = 0

    @classmethod
    def measure(cls):
        for number in range(FIRST, FIRST + 3):
            before = sys.getallocatedblocks()
            held = handle(number, 0)
            cls.each = sys.getallocatedblocks() - before
            del held


def facts():
    first = inspect.getsourcelines(remember)[1]
    return {
        "blocks_per_request": Blocks.each,
        "leak_file": __file__,
        "leak_line": first + 1,
        "leak_function": "remember",
    }


def leak_size():
    """Length of the string to keep: with its header, LEAK bytes a second."""
    each = KEEP_EVERY * LEAK * Blocks.each / ALLOCATIONS
    return max(1, round(each) - sys.getsizeof(""))


def setup(requests=500):
    Blocks.measure()
    size = leak_size()
    state = [0]

    def work():
        for _ in range(requests):
            state[0] += 1
            handle(FIRST + state[0], size)

    return work


def pace(seconds):
    """Requests at the set rate; how many, and for how much of the time it worked."""
    size = leak_size()
    rate = ALLOCATIONS / Blocks.each
    begin, busy_before, done = time.perf_counter(), time.process_time(), 0
    while True:
        now = time.perf_counter() - begin
        if now >= seconds:
            break
        if done >= now * rate:
            time.sleep(max(0.0005, (done + 1) / rate - now))
            continue
        done += 1
        handle(FIRST + done, size)
    elapsed = time.perf_counter() - begin
    return {
        "requests": done,
        "seconds": elapsed,
        "allocations_per_s": done * Blocks.each / elapsed,
        "kept_bytes_per_s": done / KEEP_EVERY * sys.getsizeof(" " * size) / elapsed,
        "busy": (time.process_time() - busy_before) / elapsed,
    }
