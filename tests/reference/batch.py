"""Runs one reader on many files without starting Python for each: batch.py READER [ARGUMENT...] <FILES.
An argument `FILE` stands for the path, which comes last without one.

Standard input has a path a line, standard output a line for each: {"status", "answer", "error"}, where `answer` is the
reader's own document (null without one) and `error` the last line of its complaint. Each file is read in a forked child, so that
a reader that changes its tool or ends the process does so for one file only, and within limits: flameprof follows every
path through a call graph, which can take all memory of a machine.

Runs unchanged under CPython 2.7 and 3.6 to 3.15.
"""

from __future__ import print_function

import importlib
import json
import os
import resource
import sys
import tempfile
import traceback


# Of one file; no reader comes near with any file that it can take.
CPU_SECONDS = 30
MEMORY = 4 << 30


def child(reader, arguments, out, err):
    """The reader as if it had been started: its exit status."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    status = 0
    try:
        reader.main(arguments)
    except SystemExit as end:
        if isinstance(end.code, int) or end.code is None:
            status = end.code or 0
        else:
            print(end.code, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def content(file):
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def complaint(text):
    """The exception's line and the last one: a web handler logs a traceback before the script says what it means."""
    lines = text.strip().splitlines()
    errors = [line for line in lines if "Error" in line.split(":")[0]]
    shown = errors[-1:] + [line for line in lines[-1:] if line not in errors[-1:]]
    return "; ".join(shown)[:500]


def answer(reader, arguments):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = os.fork()
        if process == 0:
            status = 1
            try:
                status = child(reader, arguments, out, err)
            finally:
                os._exit(status & 255)
        _, ended = os.waitpid(process, 0)
        status = os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)
        return '{"status":%d,"answer":%s,"error":%s}' % (
            status,
            content(out).strip() or "null",
            json.dumps(complaint(content(err))),
        )


def main(arguments):
    if not arguments:
        sys.exit("usage: batch.py READER [ARGUMENT...] <FILES")
    reader = importlib.import_module(arguments[0])
    for path in sys.stdin.read().splitlines():
        given = [path if argument == "FILE" else argument for argument in arguments[1:]]
        print(answer(reader, given if "FILE" in arguments[1:] else given + [path]))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
