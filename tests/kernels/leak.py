# SPDX-License-Identifier: BSD-2-Clause
"""Leaks a known amount at a known line, among churn of other sizes, and prints what a tracer must find.

Says READY, waits for a line, loads the library whose path it is given, if any, and says LOADED. Waits for a line, leaks, also by
that library's own malloc, prints the truth as one line of JSON, waits for another line.
"""
import ctypes
import json
import sys

COUNT = 2000
SIZE = 1000
kept = [None] * COUNT  # full size from the start: the list itself never grows
blocks = [None] * COUNT


def leak(i):
    kept[i] = bytearray(SIZE)  # the leak


def leak_by(library):
    for i in range(COUNT):
        blocks[i] = library.malloc(SIZE)  # the library's


def load(path):
    library = ctypes.CDLL(path)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    return library


def truth_of(function, line, count, size):
    return {"file": "leak.py", "line": function.__code__.co_firstlineno + line, "function": function.__name__,
            "domain": "raw", "live_count": count, "live_bytes": count * size}


def main():
    print("READY", flush=True)
    sys.stdin.readline()
    library = load(sys.argv[1]) if len(sys.argv) > 1 else None
    print("LOADED", flush=True)
    sys.stdin.readline()
    for i in range(COUNT):
        leak(i)
        bytearray(SIZE + 500 + i % 700)
    for i in range(0, COUNT, 4):
        kept[i] = None
    live = sum(1 for block in kept if block is not None)
    # A bytearray's buffer has room for a closing NUL.
    truth = [truth_of(leak, 1, live, SIZE + 1)]
    if library:
        leak_by(library)
        truth.append(truth_of(leak_by, 2, COUNT, SIZE))
    print(json.dumps(truth), flush=True)
    sys.stdin.readline()


main()
