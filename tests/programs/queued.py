"""A celery worker with a pool of four forked processes; its broker is a folder.

Prints the results of forty tasks. The first four wait for each other, so that each process of the pool has had one.
"""

import os
import subprocess
import sys
import time

import celery

HERE = os.path.dirname(os.path.abspath(__file__))
POOL = 4
BROKER = os.path.join(HERE, "broker")
app = celery.Celery("queued", broker="filesystem://", backend="file://" + os.path.join(HERE, "results"))
app.conf.update(
    broker_transport_options={
        "data_folder_in": BROKER,
        "data_folder_out": BROKER,
        "control_folder": os.path.join(HERE, "control"),
        "polling_interval": 0.02,
    },
    task_acks_late=True,
    worker_prefetch_multiplier=1,
)


def work():
    pass


@app.task(name="square")
def square(number):
    for _ in range(100):
        work()
    return number * number


@app.task(name="fails")
def fails(number):
    raise ValueError(number)


@app.task(name="meet")
def meet(number):
    open(os.path.join(HERE, "met", str(os.getpid())), "w").close()
    while len(os.listdir(os.path.join(HERE, "met"))) < POOL:
        time.sleep(0.005)
    return square(number)


def main():
    for folder in ["broker", "control", "results", "met"]:
        os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    command = [sys.executable, "-m", "celery", "--app", "queued", "worker", "--pool", "prefork"]
    command += ["--concurrency", str(POOL), "--loglevel", "critical", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    asked = [meet.delay(number) for number in range(POOL)]
    asked += [square.delay(number) for number in range(POOL, 39)] + [fails.delay(39)]
    for result in asked:
        value = result.get(timeout=50, interval=0.02, propagate=False)
        print(value if isinstance(value, int) else repr(value))
    worker.terminate()
    print("celery ended with", worker.wait())


if __name__ == "__main__":
    main()
