"""Threads that stand still in stacks of every kind, and what each knows of itself, as JSON on one line; then they wait for stdin's
end. `sys._current_frames` is the witness, so that lines are those that the interpreter itself would show."""
import json
import os
import sys
import threading

gate = threading.Event()
ready = []


def stand():
    ready.append(threading.get_ident())
    gate.wait()


def plain(depth):
    if depth:
        plain(depth - 1)
    else:
        stand()


def generator():
    def inner():
        stand()
        yield 1
    yield from inner()


def through_generator():
    for _ in generator():
        pass


class Method:
    def __init__(self):
        self.method()

    def method(self):
        sorted([1], key=lambda _: [plain(2) for _ in range(1)])


async def coroutine():
    async def inner():
        stand()
    await inner()


def through_coroutine():
    try:
        coroutine().send(None)
    except StopIteration:
        pass


def describe(frame):
    rows = []
    while frame is not None:
        code = frame.f_code
        name = code.co_qualname if sys.version_info >= (3, 11) else code.co_name
        rows.append([name, code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return rows


def main():
    targets = {"plain": lambda: plain(5), "deep": lambda: plain(400), "through generator": through_generator,
               "method": Method, "through coroutine": through_coroutine}
    threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in targets.items()]
    for thread in threads:
        thread.start()
    while len(ready) < len(threads):
        pass
    # What stands may still be on its last steps into the lock.
    for _ in range(200):
        before = {ident: describe(frame) for ident, frame in sys._current_frames().items()}
        gate.wait(0.01)
        after = {ident: describe(frame) for ident, frame in sys._current_frames().items()}
        if all(before[t.ident] == after[t.ident] for t in threads):
            break
    rows = [{"tid": t.native_id, "name": t.name, "frames": after[t.ident]} for t in threads]
    print(json.dumps({"pid": os.getpid(), "threads": rows}), flush=True)
    sys.stdin.read()


main()
