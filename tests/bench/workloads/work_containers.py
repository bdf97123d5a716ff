# SPDX-License-Identifier: BSD-2-Clause
"""Object growth: 3 x 200,000 small containers built and kept until the round ends. Loop A.

depth: Python frames on the stack where they are built; 4, the least there can be, or more.
size: containers of each kind.
"""
import sys
from functools import partial

FINE = {"size": 4000}

seen = {}


def facts():
    return seen


def frames_here(frame):
    count = 0
    while frame:
        count, frame = count + 1, frame.f_back
    return count


def build(size):
    # A comprehension would be a frame more before 3.12.
    tuples, lists, dicts = [], [], []
    for i in range(size):
        tuples.append((i, i + 1))
    for i in range(size):
        lists.append([i])
    for i in range(size):
        dicts.append({i: i})
    seen["frames"] = frames_here(sys._getframe())
    return len(tuples) + len(lists) + len(dicts)


def setup(depth=4, size=200000):
    # Frames: <module>, main() and run() of the driver, one a level, build(). A partial is none.
    def nested(levels):
        return build(size) if levels == 0 else nested(levels - 1)

    return partial(build, size) if depth < 5 else partial(nested, depth - 5)
