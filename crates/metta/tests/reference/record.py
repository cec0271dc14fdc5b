"""Answers of the reference (PyPI hyperon 0.2.10): a list of programs as JSON on stdin, a list of answers as JSON on stdout.

An answer is a list of lists of results as they are printed, or {"error": ...} where the reference refuses, crashes or takes
more than 20 seconds. Each program is run in a process of its own.
"""
import json
import os
import signal
import sys

from hyperon import MeTTa


def answer(program):
    try:
        return [[repr(atom) for atom in results] for results in MeTTa().run(program)]
    except Exception as error:  # the package raises plain exceptions
        return {"error": str(error)}


def in_child(program):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(20)
        with os.fdopen(write, "w") as out:
            json.dump(answer(program), out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as into:
        text = into.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return {"error": "killed by signal %d" % os.WTERMSIG(status)}
    return json.loads(text) if text else {"error": "no answer"}


json.dump([in_child(program) for program in json.load(sys.stdin)], sys.stdout, indent=0)
