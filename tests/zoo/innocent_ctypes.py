# SPDX-License-Identifier: BSD-2-Clause
"""malloc() and free() through ctypes, in pairs, some seconds apart."""
import collections
import ctypes

import animal

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype, LIBC.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
LIBC.free.restype, LIBC.free.argtypes = None, [ctypes.c_void_p]
BLOCKS = collections.deque()
animal.innocent(["warmup", "bounded_cache", None], settles=8)
for n in animal.tick(100):
    block = LIBC.malloc(3000)
    ctypes.memset(block, 1, 3000)
    BLOCKS.append(block)
    if len(BLOCKS) > 400:
        LIBC.free(BLOCKS.popleft())
