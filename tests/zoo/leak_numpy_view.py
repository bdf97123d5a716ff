# SPDX-License-Identifier: BSD-2-Clause
"""The first row of each matrix is kept: a view, which keeps the matrix."""
import animal

try:
    import numpy
except ImportError:
    animal.skip("no numpy")

ROWS = []


def load(n):
    matrix = numpy.full((16, 256), n, dtype=float)  # LEAK
    ROWS.append(matrix[0])  # LEAK


animal.leak("object_retention", type=["numpy.ndarray"], holder="ROWS", library=numpy)
for n in animal.tick(8):
    load(n)
