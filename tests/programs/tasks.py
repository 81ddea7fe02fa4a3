"""Coroutines, generators and async generators, with known numbers of calls and known times of waiting."""

import asyncio
import time


def numbers(count):
    for number in range(count):
        yield number


def delegating(count):
    yield from numbers(count)


async def nap(seconds):
    await asyncio.sleep(seconds)


async def outer(seconds):
    await nap(seconds)
    await nap(seconds)
    return list(delegating(10))


async def ticks(count):
    for number in range(count):
        await asyncio.sleep(0.01)
        yield number


async def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def collect():
    return [number async for number in ticks(5)]


async def main():
    named = asyncio.ensure_future(outer(0.1))
    named.set_name("the named one")
    await asyncio.gather(named, outer(0.1), collect(), spin(0.05))
    sum(numbers(100))


asyncio.run(main())
