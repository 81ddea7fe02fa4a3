"""Runs the reference readers for the probes: which interpreter, which script, what came out.

A reader's answer is its JSON document, or the last line of its error. Nothing here judges.
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent
REFERENCE = pathlib.Path(os.environ.get("PROFKIT_REFERENCE", SCRIPTS.parent.parent / ".reference"))
VENV = REFERENCE / "venv" / "bin" / "python"
TIMEOUT = 120


class Refused(Exception):
    """The tool could not take the file; the message is its own last line."""


def interpreters():
    """Series -> executable of every CPython of the set-up, oldest first."""
    folder = REFERENCE / "python"
    require(folder)
    return {
        path.name: str(path)
        for path in sorted(folder.iterdir(), key=lambda path: [int(n) for n in path.name.split(".")])
    }


def run(command, standard_input=None):
    """The standard output of a command; raises Refused with the last line that it complained with."""
    done = subprocess.run(
        command,
        input=standard_input,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        # A web handler logs a traceback before the script says that the page failed: name the exception, too.
        errors = [line for line in lines if "Error" in line.split(":")[0]]
        raise Refused("; ".join(dict.fromkeys([*errors[-1:], *lines[-1:]])) or "status %d" % done.returncode)
    return done.stdout


def read(script, *arguments, python=VENV):
    """The document that a reference reader prints."""
    return json.loads(run([str(python), str(SCRIPTS / script), *map(str, arguments)]))


def require(path):
    if not path.exists():
        sys.exit("%s is missing: set the reference tools up first" % path)


def speedscope(requests):
    """The answers (JSON lines) of speedscope's own importer to requests, in one browser."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    return run(
        ["node", str(SCRIPTS / "speedscope_import" / "serve.mjs"), "--serve"], standard_input=lines.encode()
    ).splitlines()
