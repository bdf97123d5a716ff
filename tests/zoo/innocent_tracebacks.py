# SPDX-License-Identifier: BSD-2-Clause
"""Errors are logged and dropped; the last one is kept."""
import traceback

import animal

LAST = None


def handle(n):
    body = bytearray(4000)
    raise ValueError("cannot parse request %d of %d bytes" % (n, len(body)))


animal.innocent([None, "warmup"])
for n in animal.tick(60):
    try:
        handle(n)
    except ValueError as error:
        LAST = error
        traceback.format_exc()
