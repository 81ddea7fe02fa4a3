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
PYENV = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
CHROOT = REFERENCE / "sid"
TIMEOUT = 120


class Refused(Exception):
    """The tool could not take the file; the message is its own last line."""


def interpreters():
    """Version -> (command, environment) of every CPython here: pyenv's, and the chroot's run from outside by its loader."""
    found = {}
    for python in sorted(PYENV.glob("*/bin/python"), key=lambda path: [int(n) for n in path.parts[-3].split(".")]):
        found[".".join(python.parts[-3].split(".")[:2])] = ([str(python)], {})
    libraries = CHROOT / "usr/lib/x86_64-linux-gnu"
    for version in ("3.14", "3.15"):
        loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
        found[version] = (
            [*loader, str(CHROOT / "usr/bin" / ("python" + version))],
            {"PYTHONHOME": str(CHROOT / "usr")},
        )
    return found


def run(command, environment=None, standard_input=None):
    """The standard output of a command; raises Refused with the last line that it complained with."""
    done = subprocess.run(
        command,
        input=standard_input,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(environment or {})),
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        # A web handler logs a traceback before the script says that the page failed: name the exception, too.
        errors = [line for line in lines if "Error" in line.split(":")[0]]
        raise Refused("; ".join(dict.fromkeys([*errors[-1:], *lines[-1:]])) or "status %d" % done.returncode)
    return done.stdout


def read(script, *arguments, python=None, environment=None):
    """The document that a reference reader prints."""
    command = python or [str(VENV)]
    return json.loads(run([*command, str(SCRIPTS / script), *map(str, arguments)], environment))


def require(path):
    if not path.exists():
        sys.exit("%s is missing: set the reference tools up first" % path)


def speedscope(requests):
    """The answers (JSON lines) of speedscope's own importer to requests, in one browser."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    return run(
        ["node", str(SCRIPTS / "speedscope_import" / "serve.mjs"), "--serve"], standard_input=lines.encode()
    ).splitlines()
