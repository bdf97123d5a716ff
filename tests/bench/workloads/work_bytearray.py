# SPDX-License-Identifier: BSD-2-Clause
"""bytearray churn: 300,000 of 600-2600 bytes made and dropped. Loop B.

The buffer is too large for pymalloc: one malloc and one free each. The object is a pymalloc block.
plain=1: bytes instead, one malloc and one free and nothing else. thousands: of them.
"""

FINE = {"thousands": 20}

made = {}


def facts():
    return made


def setup(plain=0, thousands=300):
    made["pairs"] = thousands * 1000
    sizes = [600 + i * 7919 % 2000 for i in range(1000)]

    def churn():
        for _ in range(thousands):
            for size in sizes:
                bytearray(size)

    def churn_plain():
        for _ in range(thousands):
            for size in sizes:
                bytes(size)

    return churn_plain if plain else churn
