# SPDX-License-Identifier: BSD-2-Clause
"""mmap.mmap objects that are kept and not closed."""
import mmap

import animal

WINDOWS = []


def load():
    window = mmap.mmap(-1, 128 * 1024)  # LEAK
    window.write(b"x" * len(window))
    WINDOWS.append(window)  # LEAK


animal.leak(["mmap_leak", "object_retention"], type=["mmap.mmap", None], holder=["WINDOWS", None])
for n in animal.tick(2):
    load()
