# SPDX-License-Identifier: BSD-2-Clause
"""The tokens of ContextVar.set() are kept, and with each the value before it."""
import contextvars

import animal

REQUEST = contextvars.ContextVar("REQUEST", default=None)
TOKENS = []


def enter(n):
    TOKENS.append(REQUEST.set({"id": n, "body": bytearray(1500)}))  # LEAK


animal.leak(
    "object_retention",
    type=["bytearray", "dict", animal.name(contextvars.Token)],
    holder="TOKENS",
)
for n in animal.tick(120):
    enter(n)
