# SPDX-License-Identifier: BSD-2-Clause
"""One bytearray that everything is appended to: a single object, larger and larger."""
import animal

LOG = bytearray()


def note(n):
    LOG.extend(b"%08d something has happened\n" % n * 80)  # LEAK


animal.leak("object_retention", type="bytearray", holder="LOG")
for n in animal.tick(100):
    note(n)
