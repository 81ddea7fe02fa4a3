"""Forks children while no file can be opened any more."""

import os


def work():
    pass


files = []
while True:
    try:
        files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        break
for _ in range(3):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)
