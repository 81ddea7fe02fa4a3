"""Has a child that works for a second, and prints its pid; then all that the kernel tells of it: what `waitpid` returns, also of
stops, and how many SIGCHLD came until then."""
import os
import signal
import time


def spin(end):
    while time.time() < end:
        pass


told = []
signal.signal(signal.SIGCHLD, lambda number, frame: told.append(number))
child = os.fork()
if child == 0:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    spin(time.time() + 1.5)
    os._exit(9)
print(child, flush=True)
found = []
while True:
    pid, status = os.waitpid(child, os.WUNTRACED)
    found.append(("stopped", os.WSTOPSIG(status)) if os.WIFSTOPPED(status) else ("ended", status >> 8))
    if not os.WIFSTOPPED(status):
        break
print(found, len(told))
