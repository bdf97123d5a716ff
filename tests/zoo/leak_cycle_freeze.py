# SPDX-License-Identifier: BSD-2-Clause
"""gc.freeze() again and again, garbage included: what is frozen is never looked at."""
import gc

import animal


class Job:
    def __init__(self):
        self.myself = self
        self.body = bytearray(2000)  # LEAK


def batch():
    for _ in range(20):
        Job()  # LEAK
    gc.freeze()


animal.leak("uncollected_cycle", type=["__main__.Job", "bytearray"])
for n in animal.tick(6):
    batch()
