"""Limits its address space, its own and its children's, and allocates what there is room for."""

import multiprocessing
import resource


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def work(number):
    return len(bytearray(50 << 20))


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2, initializer=limit) as pool:
        print(pool.map(work, range(4)))
    limit()
    print(work(0))
