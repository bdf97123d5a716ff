# SPDX-License-Identifier: BSD-2-Clause
"""Every request is appended to a module's list, and nothing is ever taken out."""
import animal

HISTORY = []


def handle(n):
    HISTORY.append({"id": n, "path": "/item/%d" % n, "body": "x" * 900 + str(n)})  # LEAK


animal.leak("object_retention", type=["dict", "str"], holder="HISTORY")
for n in animal.tick(200):
    handle(n)
