# SPDX-License-Identifier: BSD-2-Clause
"""A slow one: 100 KB/s of small objects, below anything that a graph of RSS shows in a minute."""
import animal


class Point:
    __slots__ = ("x", "y", "z")


TRACK = []


def move(n):
    point = Point()  # LEAK
    point.x, point.y, point.z = n + 0.5, n * 2.5, n * 0.1  # LEAK
    TRACK.append(point)  # LEAK


animal.leak("object_retention", type=["__main__.Point", "float"], holder="TRACK")
for n in animal.tick(800):
    move(n)
