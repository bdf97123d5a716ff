# SPDX-License-Identifier: BSD-2-Clause
"""Leaks a known amount at a known line, among churn of other sizes, and prints what a tracer must find.

Says READY, waits for a line, leaks, prints the truth as one line of JSON, waits for another line.
"""
import json
import sys

COUNT = 2000
SIZE = 1000
kept = [None] * COUNT  # full size from the start: the list itself never grows


def leak(i):
    kept[i] = bytearray(SIZE)  # the leak


def main():
    print("READY", flush=True)
    sys.stdin.readline()
    for i in range(COUNT):
        leak(i)
        bytearray(SIZE + 500 + i % 700)
    for i in range(0, COUNT, 4):
        kept[i] = None
    live = sum(1 for block in kept if block is not None)
    # A bytearray's buffer has room for a closing NUL.
    truth = {"file": "leak.py", "line": leak.__code__.co_firstlineno + 1, "function": "leak",
             "domain": "raw", "live_count": live, "live_bytes": live * (SIZE + 1)}
    print(json.dumps(truth), flush=True)
    sys.stdin.readline()


main()
