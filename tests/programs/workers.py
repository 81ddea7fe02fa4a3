"""Leaves a daemon behind that goes on starting workers, forked and new ones."""

import os
import subprocess
import sys
import time

if os.fork():
    os._exit(0)
os.setsid()
nothing = os.open(os.devnull, os.O_RDWR)
for stream in range(3):
    os.dup2(nothing, stream)
end = time.time() + 2.5
while time.time() < end:
    if os.fork() == 0:
        sum(range(10))
        os._exit(0)
    os.wait()
    subprocess.run([sys.executable, "-c", "pass"])
