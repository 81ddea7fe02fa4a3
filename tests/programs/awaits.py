"""Named asyncio tasks that await each other in one of many ways (the first argument). The innermost stands still, or spins for as
many seconds as a second argument says, and prints as JSON what the program knows: the whole stack, outermost first, each row a
function, a file and a line; a task is a row with its marker alone."""
import asyncio
import gc
import json
import os
import sys
import time
import types

CODE = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else None
LOOP = {"_run", "_run_once", "run_forever"}
tasks = {}
chain = []


def row(frame):
    code = frame.f_code
    return [code.co_qualname if sys.version_info >= (3, 11) else code.co_name, code.co_filename, frame.f_lineno]


def frame_of(awaitable):
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        if hasattr(awaitable, name):
            return getattr(awaitable, name)
    return None


def suspended(awaitable):
    """The rows of a coroutine that is suspended, outermost first."""
    rows = []
    while awaitable is not None:
        if type(awaitable).__name__ in ("async_generator_asend", "coroutine_wrapper", "anext_awaitable"):
            awaitable = next(found for found in gc.get_referents(awaitable) if frame_of(found) is not None)
        frame = frame_of(awaitable)
        if frame is None:
            break
        rows.append(row(frame))
        names = ("cr_await", "gi_yieldfrom", "ag_await")
        awaitable = next((getattr(awaitable, name) for name in names if hasattr(awaitable, name)), None)
    return rows


def describe():
    """What the profiler should see of the caller, who runs in the innermost task of the chain."""
    own, frame = [], sys._getframe(1)
    root = asyncio.current_task().get_coro()
    while True:
        own.append(row(frame))
        if frame is frame_of(root):
            break
        frame = frame.f_back
    frame = frame.f_back
    while frame.f_code.co_name in LOOP and "asyncio" in frame.f_code.co_filename:
        frame = frame.f_back
    outside = []
    while frame is not None:
        outside.append(row(frame))
        frame = frame.f_back
    rows = outside[::-1]
    for name in chain:
        rows.append([f"<task {name}>" if name in tasks else f"<{name}>"])
        if name in tasks and tasks[name] is not asyncio.current_task():
            rows += suspended(tasks[name].get_coro())
    return rows + own[::-1]


def stand():
    if SECONDS is None:
        print(json.dumps(describe()), flush=True), os.read(0, 1)
    else:
        print(json.dumps(describe()), flush=True)
        spin(time.perf_counter() + SECONDS)
        # Others wait for ever.
        os._exit(0)


def spin(end):
    while time.perf_counter() < end:
        pass


async def inner():
    # So that who awaits this task has begun to.
    for _ in range(5):
        await asyncio.sleep(0.01)
    stand()


async def leaf():
    await inner()


async def forever():
    await asyncio.sleep(600)


def begin(coroutine, name):
    tasks[name] = asyncio.get_running_loop().create_task(coroutine)
    tasks[name].set_name(name)
    return tasks[name]


async def direct():
    chain.extend(["trunk", "branch", "leaf"])

    async def helper(task):
        await task

    async def branch():
        await helper(begin(leaf(), "leaf"))

    await begin(branch(), "branch")


async def gather():
    chain.extend(["trunk", "leaf"])
    await asyncio.gather(begin(leaf(), "leaf"), begin(forever(), "other"))


async def nested():
    chain.extend(["trunk", "branch", "leaf"])

    async def branch():
        await asyncio.gather(begin(forever(), "other"), begin(leaf(), "leaf"))

    await asyncio.gather(begin(forever(), "another"), begin(branch(), "branch"))


async def wait():
    chain.extend(["trunk", "leaf"])
    await asyncio.wait([begin(leaf(), "leaf"), begin(forever(), "other")])


async def wait_for():
    chain.extend(["trunk", "leaf"])
    await asyncio.wait_for(begin(leaf(), "leaf"), 600)


async def shield():
    chain.extend(["trunk", "leaf"])
    await asyncio.shield(begin(leaf(), "leaf"))


async def group():
    chain.extend(["trunk", "branch", "leaf"])

    async def branch():
        async with asyncio.TaskGroup() as inner_group:
            tasks["leaf"] = inner_group.create_task(leaf(), name="leaf")
            tasks["other"] = inner_group.create_task(forever(), name="other")

    async with asyncio.TaskGroup() as outer_group:
        tasks["branch"] = outer_group.create_task(branch(), name="branch")


async def generators():
    chain.extend(["trunk", "leaf"])

    @types.coroutine
    def delegating(coroutine):
        return (yield from coroutine)

    async def numbers():
        await delegating(through(begin(leaf(), "leaf")))
        yield 1

    async def through(task):
        await asyncio.wait_for(task, None)

    async for _ in numbers():
        pass


async def several():
    chain.extend(["awaited by 2 tasks", "leaf"])
    task = begin(leaf(), "leaf")

    async def one():
        await task

    await asyncio.gather(begin(one(), "one"), begin(one(), "two"))


async def nobody():
    chain.extend(["leaf"])
    begin(leaf(), "leaf")
    await forever()


async def custom():
    chain.extend(["trunk", "leaf"])

    class Task(asyncio.Task):
        pass

    tasks["leaf"] = Task(leaf(), loop=asyncio.get_running_loop())
    tasks["leaf"].set_name("leaf")
    await tasks["leaf"]


async def unicode():
    chain.extend(["trunk", "\u00e4ste \u6811"])
    await begin(leaf(), "\u00e4ste \u6811")


async def trunk():
    tasks["trunk"] = asyncio.current_task()
    tasks["trunk"].set_name("trunk")
    await globals()[CODE]()


asyncio.run(trunk())
