# SPDX-License-Identifier: BSD-2-Clause
"""A window of a file is mapped, read and closed."""
import mmap
import tempfile

import animal

SIZE = 256 * 1024
FILE = tempfile.TemporaryFile()
FILE.write(b"x" * SIZE)
FILE.flush()


def read():
    with mmap.mmap(FILE.fileno(), SIZE) as window:
        return window.find(b"y")


animal.innocent([None, "warmup"])
for n in animal.tick(10):
    read()
