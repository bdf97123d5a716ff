# SPDX-License-Identifier: BSD-2-Clause
"""Tokens that have been seen, so that none is taken twice; for ever."""
import animal

SEEN = set()


def accept(n):
    token = "%064x" % n * 8  # LEAK
    if token in SEEN:
        return False
    SEEN.add(token)  # LEAK
    return True


animal.leak(["object_retention", "unbounded_cache"], type="str", holder="SEEN")
for n in animal.tick(400):
    accept(n)
