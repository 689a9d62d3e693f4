"""One cold start: `boot.py FOLDER EVENT TIMES LAYERS [REPORT]`. It imports app.py and calls its handler.

Imported before it is what awslambdaric 4.2.2 imports from the standard library on its way to a handler (its native
client and its copy of simplejson are not), so a bare handler pays for that too. With REPORT it also writes what was
loaded and what had to be compiled; then it is not measured, because the audit hook costs instructions itself.
"""

import decimal
import enum
import importlib
import json
import logging
import math
import os
import sys
import time
import traceback

AWSLAMBDARIC = (decimal, enum, importlib, json, logging, math, os, sys, time, traceback)


class Context:
    """As much of Lambda's context as a handler of ours may look at."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name = "bench"


def main(folder: str, event: str, times: str, layers: str, report: str = "") -> None:
    """Be the runtime for one function."""
    compiled: list[str] = []

    def note(name: str, details: tuple[object, ...]) -> None:
        if name == "compile" and str(details[1]).endswith(".py"):
            compiled.append(str(details[1]))

    with open(event) as file:  # noqa: PTH123 (pathlib is not part of the runtime)
        given = json.load(file)
    if report:
        sys.addaudithook(note)
    sys.path[:0] = [folder, *layers.split(os.pathsep)]
    handler = importlib.import_module("app").handler
    answer = None
    for _ in range(int(times)):
        answer = handler(given, Context)
    text = json.dumps(answer)
    if report:
        with open("/proc/self/status") as file:  # noqa: PTH123 (Linux, as Lambda is; ru_maxrss counts the parent's too)
            highest = next((int(line.split()[1]) for line in file if line.startswith("VmHWM:")), 0)
        told = {
            "modules": sorted(sys.modules),
            "compiled": compiled,
            "answer": json.loads(text),
            "rss_mb": highest / 1024,
        }
        with open(report, "w") as file:  # noqa: PTH123
            json.dump(told, file)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
