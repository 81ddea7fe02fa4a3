"""A program that other tools look at while it runs: debuggers, profilers, coverage. Calls each function a known number of times."""

import sys
import threading


def leaf(number):
    if number % 2:
        return number + 1
    return number


def fails():
    raise KeyError("as wanted")


def branch(count):
    total = 0
    for number in range(count):
        total += leaf(number)
    return total


def numbers(count):
    for number in range(count):
        yield leaf(number)


def main():
    threads = [threading.Thread(target=branch, args=[10]) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    try:
        fails()
    except KeyError:
        pass
    print(branch(10), sum(numbers(10)), sys.argv[1:])


if __name__ == "__main__":
    main()
