# SPDX-License-Identifier: BSD-2-Clause
"""Warnings with a number in the text: the registry of what was shown already has them all."""
import warnings

import animal


def handle(n):
    warnings.warn("request %d is deprecated " % n * 30)  # LEAK


warnings.simplefilter("default")
warnings.showwarning = lambda *args, **named: None
animal.leak(
    ["object_retention", "unbounded_cache"],
    type=["str", "tuple", "dict"],
    holder="__warningregistry__",
    library=warnings,
)
for n in animal.tick(200):
    handle(n)
