# SPDX-License-Identifier: BSD-2-Clause
"""An asyncio.Queue without a bound; the consumer is slower than the producer."""
import asyncio

import animal


async def produce(queue):
    async for n in animal.atick(200):
        await queue.put({"id": n, "body": "x" * 1300 + str(n)})  # LEAK


async def consume(queue):
    while True:
        await queue.get()
        await asyncio.sleep(0.1)


async def main():
    queue = asyncio.Queue()
    await asyncio.gather(produce(queue), consume(queue))


animal.leak("object_retention", type=["str", "dict"], holder=["queue", "deque"], library=asyncio)
asyncio.run(main())
