# SPDX-License-Identifier: BSD-2-Clause
"""A thread for each request, that ends with it."""
import threading

import animal


def handle(n):
    return bytearray(20000 + n % 7)


animal.innocent([None, "warmup"], settles=5)
for n in animal.tick(40):
    thread = threading.Thread(target=handle, args=(n,))
    thread.start()
    thread.join()
