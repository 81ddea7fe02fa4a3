"""Changes LD_PRELOAD for the commands that it has the C library run: preload.py set|delete|clear"""

import ctypes
import os
import sys

CHILD = "def work(): pass\nfor _ in range(100): work()\nimport os; print(os.environ.get('LD_PRELOAD'))"

if sys.argv[1] == "set":
    os.environ["LD_PRELOAD"] = "libm.so.6"
elif sys.argv[1] == "delete":
    os.unsetenv("LD_PRELOAD")
else:
    ctypes.CDLL(None).clearenv()
os.system(f'{sys.executable} -c "{CHILD}"')
