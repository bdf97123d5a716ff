# SPDX-License-Identifier: BSD-2-Clause
"""asyncio: producers and consumers over a queue, futures and timers."""
import asyncio

FINE = {"jobs": 80}


async def produce(jobs, count):
    for i in range(count):
        await jobs.put({"number": i, "text": "job %d" % i})
        if i % 10 == 0:
            await asyncio.sleep(0)
    await jobs.put(None)


async def consume(jobs):
    done = 0
    while True:
        job = await jobs.get()
        if job is None:
            return done
        done += len(job["text"].upper())


async def serve(count):
    pairs = []
    for _ in range(20):
        jobs = asyncio.Queue(maxsize=16)
        pairs += [produce(jobs, count), consume(jobs)]
    return await asyncio.gather(*pairs)


def setup(jobs=2500):
    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(serve(jobs))
