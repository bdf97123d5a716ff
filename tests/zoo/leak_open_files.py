# SPDX-License-Identifier: BSD-2-Clause
"""Files that are opened, read a little, and kept open: a descriptor and a buffer each."""
import animal

FILES = []


def peek():
    file = open("/dev/zero", "rb", buffering=65536)  # LEAK
    file.read(1)
    FILES.append(file)  # LEAK


animal.leak("object_retention", type=["_io.BufferedReader", None], holder="FILES")
for n in animal.tick(4):
    peek()
