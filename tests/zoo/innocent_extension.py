# SPDX-License-Identifier: BSD-2-Clause
"""A C function that gives back whatever it takes."""
import animal

zooext = animal.extension()
animal.innocent([None, "warmup"])
for n in animal.tick(200):
    zooext.careful(b"%08d" % n * 400)
