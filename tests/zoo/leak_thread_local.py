# SPDX-License-Identifier: BSD-2-Clause
"""Workers that live for ever note what they did in a threading.local()."""
import threading

import animal

LOCAL = threading.local()


def work():
    LOCAL.done = []
    for n in animal.tick(40):
        LOCAL.done.append("x" * 1500 + str(n))  # LEAK


for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
animal.leak("object_retention", type="str", holder=["LOCAL", "done", "local"])
work()
