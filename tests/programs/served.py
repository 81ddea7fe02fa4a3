"""A Flask application under gunicorn, four workers of four threads, and sixteen clients that ask as fast as they can.

Prints how many answers there were of each kind. Each client begins with a question that is not answered before all workers
have been asked one, so that no worker is idle.
"""

import collections
import http.client
import os
import socket
import subprocess
import sys
import threading
import time

import flask

CLIENTS = 16
WORKERS = 4
app = flask.Flask(__name__)


def squares(count):
    return sum(number * number for number in range(count))


@app.route("/square/<int:count>")
def square(count):
    return {"sum": squares(count)}


@app.route("/fails")
def fails():
    raise ZeroDivisionError("as asked")


@app.route("/meet")
def meet():
    open("met/%d" % os.getpid(), "w").close()
    while len(os.listdir("met")) < WORKERS:
        time.sleep(0.005)
    return "met"


def connected():
    """A connection to the server, which may have made its socket and not listen to it yet."""
    while True:
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect("server.sock")
            return connection
        except ConnectionRefusedError:
            connection.close()
            time.sleep(0.005)


def ask(path):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = connected()
    connection.request("GET", path, headers={"Connection": "close"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body.decode().strip() if answer.status == 200 else ""


def client(answers):
    answers.append(ask("/meet"))
    for count in range(20):
        answers.append(ask("/square/%d" % count))
    answers.append(ask("/fails"))


def main():
    os.makedirs("met", exist_ok=True)
    command = [sys.executable, "-m", "gunicorn", "--bind", "unix:server.sock", "--workers", str(WORKERS)]
    # A worker takes no more connections than it has threads, and leaves the others to the other workers.
    command += ["--threads", "4", "--worker-connections", "4", "--log-level", "critical", "served:app"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not os.path.exists("server.sock"):
        time.sleep(0.01)
    answers = []
    threads = [threading.Thread(target=client, args=[answers]) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.terminate()
    print("gunicorn ended with", server.wait())
    for (status, body), count in sorted(collections.Counter(answers).items()):
        print(count, status, body)


if __name__ == "__main__":
    main()
