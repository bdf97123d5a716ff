# SPDX-License-Identifier: BSD-2-Clause
"""malloc() through ctypes, and no free()."""
import ctypes

import animal

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype, LIBC.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


def convert(size):
    block = LIBC.malloc(size)  # LEAK
    ctypes.memset(block, 1, size)


animal.leak("native_leak")
for n in animal.tick(100):
    convert(2000)
