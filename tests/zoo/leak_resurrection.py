# SPDX-License-Identifier: BSD-2-Clause
"""A connection whose __del__ gives it back to a pool that nobody takes from."""
import animal

POOL = []


class Connection:
    def __init__(self):
        self.buffer = bytearray(2000)  # LEAK

    def __del__(self):
        POOL.append(self)  # LEAK


animal.leak("object_retention", type=["bytearray", "__main__.Connection"], holder="POOL")
for n in animal.tick(120):
    Connection()  # LEAK
