# SPDX-License-Identifier: BSD-2-Clause
"""Modules made at run time are put into sys.modules under new names, time and again."""
import sys
import types

import animal

SOURCE = compile("TABLE = ['%04d' % i for i in range(60)]", "<plugin>", "exec")


def load(n):
    module = types.ModuleType("plugin_%d" % n)  # LEAK
    exec(SOURCE, module.__dict__)  # LEAK
    sys.modules[module.__name__] = module


animal.leak(
    "object_retention", type=["str", "dict", "module", "list"], holder="plugin_", line=["<plugin>:1"]
)
for n in animal.tick(50):
    load(n)
