# SPDX-License-Identifier: BSD-2-Clause
"""Errors are kept to be shown later; each keeps its traceback, that the frames, these their locals."""
import animal

ERRORS = []


def parse(n):
    body = bytearray(4000)  # LEAK
    raise ValueError("cannot parse request %d of %d bytes" % (n, len(body)))  # LEAK


def handle(n):
    try:
        parse(n)  # LEAK
    except ValueError as error:
        ERRORS.append(error)  # LEAK


animal.leak(
    "object_retention", type=["bytearray", "frame", "traceback", "ValueError"], holder="ERRORS"
)
for n in animal.tick(60):
    handle(n)  # LEAK
