# SPDX-License-Identifier: BSD-2-Clause
"""A C library's sessions are opened and not closed; the handle was only an integer."""
import ctypes

import animal

LIBRARY = animal.native()
LIBRARY.session_open.restype, LIBRARY.session_open.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
LIBRARY.session_close.restype, LIBRARY.session_close.argtypes = None, [ctypes.c_void_p]


def handle(n):
    session = LIBRARY.session_open(3000)  # LEAK
    if n % 10 == 0:
        LIBRARY.session_close(session)


animal.leak("native_leak")
for n in animal.tick(90):
    handle(n)
