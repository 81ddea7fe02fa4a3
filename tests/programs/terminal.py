"""Runs a command in a terminal: presses Ctrl-C there when it is ready, then sends the same signal to it alone, twice; prints how often
it was heard of after each."""

import os
import pty
import select
import signal
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
text = b""


def heard(word, times):
    """Waits for a word to be printed so many times; says how many it was."""
    global text
    end = time.time() + 5
    while text.count(word) < times and select.select([terminal], [], [], max(end - time.time(), 0))[0]:
        text += os.read(terminal, 1000)
    # The command must have taken the signal before the next one.
    time.sleep(0.2)
    return text.count(word)


heard(b"ready", 1)
os.write(terminal, b"\x03")
counts = [heard(b"heard", 1)]
for times in (2, 3):
    os.kill(pid, signal.SIGINT)
    counts.append(heard(b"heard", times))
os.kill(pid, signal.SIGTERM)
heard(b"; in ", 1)
os.waitpid(pid, 0)
print(*counts)
