# SPDX-License-Identifier: BSD-2-Clause
"""Hooks that nobody removes; each is a closure that keeps the payload it was made with."""
import animal

HOOKS = []


def subscribe(n):  # LEAK
    payload = bytearray(1500)  # LEAK

    def hook():  # LEAK
        return payload

    HOOKS.append(hook)  # LEAK


animal.leak("object_retention", type=["bytearray", "function"], holder="HOOKS")
for n in animal.tick(150):
    subscribe(n)
