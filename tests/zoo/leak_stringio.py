# SPDX-License-Identifier: BSD-2-Clause
"""Output is captured into a StringIO for a test that has long ended."""
import io

import animal

CAPTURED = io.StringIO()


def note(n):
    CAPTURED.write("%08d something has happened\n" % n * 40)  # LEAK


animal.leak(
    "object_retention", type=["_io.StringIO", "str", "list", None], holder=["CAPTURED", None]
)
for n in animal.tick(150):
    note(n)
