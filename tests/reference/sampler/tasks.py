"""Prints where a task, a future that it waits for, and what they hold are in memory, as JSON on one line; then waits for the end of
its input."""
import asyncio
import json
import sys


async def waiting(future):
    await future


async def main():
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(print)
    task = asyncio.get_running_loop().create_task(waiting(future))
    task.set_name("the name")
    await asyncio.sleep(0)
    name = task.get_name()
    facts = {
        "size": type(task).__basicsize__,
        "task": id(task),
        "coroutine": id(task.get_coro()),
        "name": id(name),
        "waiter": id(task._fut_waiter),
        "future": id(future),
        "callback": id(future._callbacks[0][0]),
        "second": id(future._callbacks[1][0]),
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()


asyncio.run(main())
