# SPDX-License-Identifier: BSD-2-Clause
"""Cycles with __del__, and a program that turns the collector off around each piece of work."""
import gc

import animal


class Connection:
    def __init__(self):
        self.buffer = bytearray(1600)  # LEAK
        self.close_me = self.close  # LEAK

    def close(self):
        self.buffer = None

    def __del__(self):
        self.close()


def request():
    gc.disable()
    Connection()  # LEAK
    # gc.enable() is in a path that is not taken


animal.leak("uncollected_cycle", type=["bytearray", "__main__.Connection"])
for n in animal.tick(120):
    request()
