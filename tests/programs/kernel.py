"""By turns a microsecond in the kernel and one in Python, for as many seconds as are given. Prints the share of the first by its
own clock."""

import os
import sys
import time

FILE = os.open(os.devnull, os.O_RDWR)
OTHER = os.dup(FILE)


def in_kernel(dup2=os.dup2, file=FILE, other=OTHER):
    dup2(file, other)
    dup2(file, other)


def in_python():
    for _ in range(60):
        pass


def main():
    clock = time.perf_counter_ns
    kernel = python = 0
    end = clock() + int(float(sys.argv[1]) * 1e9)
    now = clock()
    while now < end:
        in_kernel()
        between = clock()
        in_python()
        before, now = now, clock()
        kernel += between - before
        python += now - between
    print(kernel / (kernel + python))


main()
