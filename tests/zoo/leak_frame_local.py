# SPDX-License-Identifier: BSD-2-Clause
"""No global, no attribute: a list that only a local variable of the main loop knows."""
import animal


def main():
    results = []
    for n in animal.tick(150):
        results.append(("result %d " % n * 120, n))  # LEAK


animal.leak("object_retention", type=["str", "tuple"], holder=["results", "main"])
main()
