"""Spends seven parts of ten of its time in `busy` and three in `calm`, by its own processor's clock; a thread waits, a child spins.

Stops when standard input, or what it was given as a file, ends or appears; prints what it does."""
import os
import subprocess
import sys
import threading
import time

CHILD = "import os, sys\ndef spin_below():\n    while os.getppid() == int(sys.argv[1]):\n        pass\nspin_below()"


def busy(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def calm(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def serve():
    while not os.path.exists("stop"):
        busy(0.007)
        calm(0.003)


def sleepy():
    threading.Event().wait()


def main():
    threading.Thread(target=sleepy, name="sleepy one", daemon=True).start()
    if "child" in sys.argv:
        subprocess.Popen([sys.executable, "-c", CHILD, str(os.getpid())])
    print("ready", os.getpid(), flush=True)
    serve()
    sys.exit(3)


main()
