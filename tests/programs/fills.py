"""Makes more functions than there is room for in the files that it may write, and goes on."""

import resource
import signal
import sys

got = []
signal.signal(signal.SIGXFSZ, lambda *_: got.append(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (700000, 700000))
total = 0
for number in range(20000):
    space = {}
    exec("def made_%d(x):\n    return x" % number, space)
    total += space["made_%d" % number](1)
print(total, len(got))
sys.exit(5)
