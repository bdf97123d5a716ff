# SPDX-License-Identifier: BSD-2-Clause
"""mmap() through ctypes, and no munmap()."""
import ctypes

import animal

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
READ_WRITE, PRIVATE_ANONYMOUS, SIZE = 3, 0x22, 192 * 1024


def reserve():
    address = LIBC.mmap(None, SIZE, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0)  # LEAK
    ctypes.memset(address, 1, SIZE)  # LEAK


animal.leak("mmap_leak")
for n in animal.tick(1.5):
    reserve()
