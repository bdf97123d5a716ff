# SPDX-License-Identifier: BSD-2-Clause
"""A service that makes and drops very much, and in one rare path keeps a little."""
import animal

AUDIT = []


def handle(n):
    rows = [{"id": i, "name": "row %d" % i} for i in range(40)]
    text = ",".join(row["name"] for row in rows)
    if n % 4 == 0:
        AUDIT.append(text.encode() * 10)  # LEAK


animal.leak("object_retention", type="bytes", holder="AUDIT")
for n in animal.tick(300, requests=60):
    handle(n)
