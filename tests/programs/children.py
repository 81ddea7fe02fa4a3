"""Starts a child in every way there is; each child, and each pool's worker for each task, calls work() 100 times.

Prints how many times 100 calls there were in all.
"""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CODE = "import sys; sys.path.insert(0, %r); import children; children.body()" % HERE


def work():
    pass


def body(_=None):
    for _ in range(100):
        work()


def forked(run):
    child = os.fork()
    if child == 0:
        run()
        os._exit(0)
    os.waitpid(child, 0)


def spawned(path, arguments, environment):
    pid = os.posix_spawn(path, arguments, environment)
    os.waitpid(pid, 0)


def main():
    done = 0
    forked(body)
    done += 1
    for method in ["fork", "spawn", "forkserver"]:
        context = multiprocessing.get_context(method)
        process = context.Process(target=body)
        process.start()
        process.join()
        done += 1
        with context.Pool(2) as pool:
            pool.map(body, range(4), chunksize=1)
        done += 4
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(body, range(4)))
        done += 4
    python = sys.executable
    module = dict(os.environ, PYTHONPATH=HERE)
    for command, environment in [
        ([python, "-c", CODE], None),
        ([python, os.path.join(HERE, "children.py"), "child"], None),
        ([python, "-m", "children", "child"], module),
        ([python, "-S", "-c", CODE], None),
        ([python, "-I", "-c", CODE], None),
        ([python, "-E", "-s", "-c", CODE], None),
        ([python, "-c", CODE], {}),
        ([python, "-c", CODE], {"PYTHONPATH": "/nowhere"}),
        (["sh", "-c", '"$0" "$@"; true', python, "-c", CODE], None),
        (["env", "-i", python, "-c", CODE], None),
    ]:
        subprocess.run(command, env=environment, check=True)
        done += 1
    spawned(python, [python, "-c", CODE], {})
    spawned(python, [python, "-c", CODE], os.environ)
    forked(lambda: os.execve(python, [python, "-c", CODE], {}))
    forked(lambda: os.execv(python, [python, "-c", CODE]))
    os.system("%s -c '%s'" % (python, CODE.replace("'", '"')))
    with os.popen("%s -c '%s'" % (python, CODE.replace("'", '"'))) as pipe:
        pipe.read()
    done += 6
    print(done)


if __name__ == "__main__":
    body() if sys.argv[1:] == ["child"] else main()
