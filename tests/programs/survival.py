"""Ends in one of many ways, in one of many places, after 1000 calls of work() there.

survival.py HOW PLACE [FOLDER]: with a folder, the calls are followed by a wait for the file FOLDER/go, and FOLDER/ready says
that it waits.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time


def work():
    pass


def body(how, folder):
    for _ in range(1000):
        work()
    if folder:
        with open(os.path.join(folder, "ready.tmp"), "w") as file:
            file.write(str(os.getpid()))
        os.rename(file.name, os.path.join(folder, "ready"))
        while not os.path.exists(os.path.join(folder, "go")):
            time.sleep(0.002)
    end(how)


def end(how):
    if how == "exception":
        raise ValueError("meant")
    if how == "exit":
        sys.exit(3)
    if how == "_exit":
        os._exit(4)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "execv":
        os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(5)"])
    if how.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(1)


def main(how, place, folder):
    if place == "main":
        body(how, folder)
    elif place == "thread":
        thread = threading.Thread(target=body, args=(how, folder))
        thread.start()
        thread.join()
    elif place == "fork":
        child = os.fork()
        if child == 0:
            body(how, folder)
        else:
            os.waitpid(child, 0)
    elif place == "subprocess":
        subprocess.run([sys.executable, __file__, how, "main"] + [folder] * bool(folder))
    else:
        context = multiprocessing.get_context(place)
        process = context.Process(target=body, args=(how, folder))
        process.start()
        process.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
