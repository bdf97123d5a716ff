# SPDX-License-Identifier: BSD-2-Clause
"""Sessions live for six seconds each: many are old, none stays."""
import collections

import animal


class Session:
    def __init__(self, n):
        self.user, self.basket = "user-%d" % n, [n] * 200


OPEN = collections.deque()
animal.innocent(["warmup", "bounded_cache", None], settles=9)
for n in animal.tick(150):
    OPEN.append(Session(n))
    if len(OPEN) > 900:
        OPEN.popleft()
