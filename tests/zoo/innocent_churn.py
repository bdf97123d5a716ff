# SPDX-License-Identifier: BSD-2-Clause
"""Very many objects come and go; nothing stays."""
import animal


def handle(n):
    rows = [{"id": i, "name": "row %d" % i} for i in range(40)]
    return ",".join(row["name"] for row in rows)


animal.innocent([None, "warmup"])
for n in animal.tick(400, requests=60):
    handle(n)
