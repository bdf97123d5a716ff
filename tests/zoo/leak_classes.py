# SPDX-License-Identifier: BSD-2-Clause
"""A class is made for each query's row, and a table keeps them by name."""
import animal

ROWS = {}


class Row:
    __slots__ = ()


def query(n):
    name = "Row%d" % n  # LEAK
    ROWS[name] = type(name, (Row,), {"__slots__": ("key", "value"), "table": n})  # LEAK


animal.leak(
    ["object_retention", "unbounded_cache"],
    type=["type", "dict", "tuple", "str"],
    holder=["ROWS", "Row"],
)
for n in animal.tick(120):
    query(n)
