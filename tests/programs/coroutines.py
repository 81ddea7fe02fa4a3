"""Coroutines that wait for known times, in several tasks at once; each function is called a known number of times.

With `yappi OUT` it writes what yappi's wall clock says of them: the calls and the total of each.
"""

import asyncio
import json
import sys


async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def nested(depth, seconds):
    if depth == 0:
        return await nap(seconds)
    return await one_deeper(depth - 1, seconds)


async def one_deeper(depth, seconds):
    await nap(seconds)
    return await bottom(depth, seconds)


async def bottom(depth, seconds):
    for _ in range(depth + 1):
        await nap(seconds)
    return depth


async def ticks(count, seconds):
    for number in range(count):
        await asyncio.sleep(seconds)
        yield number


async def drain(count, seconds):
    return [number async for number in ticks(count, seconds)]


async def waits_for_a_task(seconds):
    return await asyncio.ensure_future(nap(seconds))


async def fails(seconds):
    await asyncio.sleep(seconds)
    raise KeyError(seconds)


async def guarded(seconds):
    try:
        await fails(seconds)
    except KeyError:
        await nap(seconds)


async def is_cancelled():
    await asyncio.sleep(60)


async def cancels(seconds):
    task = asyncio.ensure_future(is_cancelled())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def locked(lock, seconds):
    async with lock:
        await asyncio.sleep(seconds)


async def in_turn(seconds):
    lock = asyncio.Lock()
    await asyncio.gather(*[locked(lock, seconds) for _ in range(4)])


async def times_out(seconds):
    try:
        await asyncio.wait_for(asyncio.sleep(60), seconds)
    except asyncio.TimeoutError:
        pass


async def tidies(seconds):
    try:
        await asyncio.sleep(60)
    finally:
        await nap(seconds)


async def cleans_up(seconds):
    task = asyncio.ensure_future(tidies(seconds))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])


def computes(count):
    return sum(range(count))


async def busy(rounds):
    for _ in range(rounds):
        computes(10_000)
        await asyncio.sleep(0.01)


async def main():
    await asyncio.gather(
        nested(2, 0.05),
        nested(0, 0.08),
        drain(6, 0.03),
        waits_for_a_task(0.2),
        guarded(0.06),
        cancels(0.12),
        in_turn(0.04),
        times_out(0.1),
        cleans_up(0.05),
        busy(8),
    )
    await nap(0.05)


if sys.argv[1:2] == ["yappi"]:
    import yappi

    yappi.set_clock_type("wall")
    yappi.start()
    asyncio.run(main())
    yappi.stop()
    named = [row for row in yappi.get_func_stats() if row.module == __file__ and row.name[0] != "<"]
    with open(sys.argv[2], "w") as file:
        json.dump({row.name: [row.ncall, row.ttot] for row in named}, file)
else:
    asyncio.run(main())
