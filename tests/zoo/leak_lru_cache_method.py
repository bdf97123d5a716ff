# SPDX-License-Identifier: BSD-2-Clause
"""lru_cache on a method: the key has self in it, so the class's cache keeps every instance."""
import functools

import animal


class Report:
    def __init__(self):
        self.rows = bytearray(3000)  # LEAK

    @functools.lru_cache(maxsize=None)
    def total(self):
        return len(self.rows)


animal.leak(
    ["unbounded_cache", "object_retention"],
    type=["bytearray", "__main__.Report"],
    holder=["total", "lru_cache"],
)
for n in animal.tick(80):
    report = Report()  # LEAK
    report.total()  # LEAK
