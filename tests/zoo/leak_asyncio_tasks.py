# SPDX-License-Identifier: BSD-2-Clause
"""Tasks that wait for an answer that never comes; the set that keeps them is never emptied."""
import _weakrefset
import asyncio

import animal

PENDING = set()


async def ask(n):  # LEAK
    request = bytearray(2000)  # LEAK
    await asyncio.get_running_loop().create_future()  # LEAK
    return request


async def main():
    async for n in animal.atick(80):
        task = asyncio.ensure_future(ask(n))  # LEAK
        PENDING.add(task)  # LEAK


animal.leak(
    "object_retention",
    type=["bytearray", "_asyncio.Task", "coroutine", "frame"],
    holder="PENDING",
    library=[asyncio, _weakrefset],
)
asyncio.run(main())
