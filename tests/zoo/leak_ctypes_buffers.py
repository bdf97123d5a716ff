# SPDX-License-Identifier: BSD-2-Clause
"""Buffers made for C are kept "so that C may use them"."""
import ctypes

import animal

KEPT = []


def prepare(n):
    buffer = ctypes.create_string_buffer(b"x" * 2047)  # LEAK
    KEPT.append(buffer)  # LEAK


animal.leak(
    "object_retention",
    type=[animal.name(ctypes.c_char * 2048), "ctypes.c_char_Array_2048", "c_char_Array_2048"],
    holder="KEPT",
    library=ctypes,
)
for n in animal.tick(100):
    prepare(n)
