"""Counts the signals that it gets until it gets SIGTERM twice or one second has passed after the first signal."""

import signal
import sys
import time

seen = []
for name in ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]:
    signal.signal(getattr(signal, name), lambda number, _: seen.append(number))
print("ready", flush=True)
while not seen:
    time.sleep(0.01)
time.sleep(0.5)
print([signal.Signals(number).name for number in seen], flush=True)
sys.exit(7)
