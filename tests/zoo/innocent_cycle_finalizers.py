# SPDX-License-Identifier: BSD-2-Clause
"""Cycles of objects with __del__: since 3.4 they are collected as others are."""
import animal


class Connection:
    def __init__(self):
        self.buffer = bytearray(600)
        self.close_me = self.close

    def close(self):
        self.buffer = None

    def __del__(self):
        self.close()


animal.innocent([None, "warmup", "uncollected_cycle"], settles=10)
for n in animal.tick(400):
    Connection()
