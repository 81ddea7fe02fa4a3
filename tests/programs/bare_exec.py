"""bare_exec.py MILLISECONDS: another Python, begun by a bare system call without an environment, which forks before and after it works."""

import ctypes
import os
import sys

CODE = f"""
import os, time
def work():
    end = time.monotonic() + {sys.argv[1]} / 1000
    while time.monotonic() < end:
        pass
early = os.fork()
work()
if early == 0:
    os._exit(0)
late = os.fork()
work()
if late:
    os.wait()
    os.wait()
"""
EXECVE = {"x86_64": 59, "aarch64": 221}

child = os.fork()
if child == 0:
    arguments = [sys.executable.encode(), b"-S", b"-c", CODE.encode()]
    array = (ctypes.c_char_p * 5)(*arguments, None)
    ctypes.CDLL(None).syscall(EXECVE[os.uname().machine], arguments[0], array, (ctypes.c_char_p * 1)(None))
os.waitpid(child, 0)
