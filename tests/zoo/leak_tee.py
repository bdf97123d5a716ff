# SPDX-License-Identifier: BSD-2-Clause
"""itertools.tee(): one of the two is read, the other is forgotten and keeps what it has not read."""
import itertools

import animal


def source():
    for n in animal.tick(120):
        yield bytearray(2000)  # LEAK


FAST, FORGOTTEN = itertools.tee(source())
animal.leak(
    "object_retention",
    type=["bytearray", "itertools._tee_dataobject"],
    holder=["FORGOTTEN", "tee"],
)
for chunk in FAST:  # LEAK
    pass
