# SPDX-License-Identifier: BSD-2-Clause
"""ast.parse: this folder's own sources, so that every Python parses the same text."""
import ast
import glob
import os

FINE = {"times": 1}


def setup(times=30):
    texts = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.py"))):
        with open(path, encoding="utf-8") as source:
            texts.append(source.read())
    text = "\n".join(texts)

    def work():
        for _ in range(times):
            tree = ast.parse(text)
        return sum(1 for _ in ast.walk(tree))

    return work
