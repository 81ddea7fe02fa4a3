"""Code that comes and goes, so that the next one often lies where another was: functions of `exec`, and modules."""

import os
import sys
import time


def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def functions():
    for number in range(600):
        name, seconds = ("odd", 0.002) if number % 2 else ("even", 0.006)
        names = {"burn": burn}
        exec(f"def {name}(): burn({seconds})", names)
        names[name]()
        names.clear()


def modules():
    for number in range(40):
        with open(f"module{number:02}.py", "w") as file:
            file.write("import __main__\n__main__.burn(0.03)\n")
    sys.path.insert(0, os.getcwd())
    for number in range(40):
        __import__(f"module{number:02}")


if __name__ == "__main__":
    functions()
    modules()
