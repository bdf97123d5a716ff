# SPDX-License-Identifier: BSD-2-Clause
"""An ExitStack around a loop that never ends: what is entered in the loop is left after it."""
import contextlib

import animal


class Lock:
    def __init__(self):
        self.state = bytearray(1500)  # LEAK

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.state = None


def main():
    with contextlib.ExitStack() as stack:
        for n in animal.tick(120):
            stack.enter_context(Lock())  # LEAK


animal.leak(
    "object_retention",
    type=["bytearray", "__main__.Lock"],
    holder=["_exit_callbacks", "stack"],
    library=contextlib,
)
main()
