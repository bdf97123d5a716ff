# SPDX-License-Identifier: BSD-2-Clause
"""Floats, tuples, lists, dicts and frames that CPython keeps on free lists for the next one."""
import animal


def depth(n):
    return n and 1 + depth(n - 1)


def work(n):
    floats = [n / (i + 1) for i in range(100)]
    return [(x, [x], {"x": x}) for x in floats], depth(60)


animal.innocent([None, "warmup"])
for n in animal.tick(100):
    work(n)
