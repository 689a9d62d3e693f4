"""Cold starts: from the start of the process to the first response, in the layers that are shipped.

Bare is the same interpreter with bench/bare. Instructions are callgrind's; they repeat to the last digit or nearly so,
whatever else the machine does. CPU ms are the median of interleaved rounds and only report.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from bench.stub import Aws, serve
from packshot import keys
from packshot.aws import rows
from packshot.scopes import SCOPES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import build_layer

ROOT = build_layer.ROOT

BARE = "bare"
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
IMAGING = {"dispatch", "render", "ingest"}
"""Functions that carry the imaging layer; tests/architecture holds the template to it."""


@dataclass(frozen=True)
class Start:
    """One function's cold start. `instructions` is None without valgrind; `compiled`: source files without bytecode."""

    name: str
    instructions: int | None
    cpu_ms: float
    rss_mb: float
    modules: tuple[str, ...]
    compiled: tuple[str, ...]
    calls: tuple[str, ...]
    answer: Any


class Bench:
    """The layers, built as `sam build` builds them, and an AWS beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aws = Aws()
        with mock.patch.dict(os.environ, PACKSHOT_HOST="1"):
            for layer in ("deps", "core", "imaging"):
                build_layer.main(layer, str(folder / ("imaging" if layer == "imaging" else "opt")))
        for name in (BARE, *FUNCTIONS):  # apart, because a handler is shipped without the bytecode that tests leave
            source = ROOT / "bench" / BARE if name == BARE else ROOT / "functions" / name
            shutil.copytree(source, folder / "functions" / name, ignore=shutil.ignore_patterns("__pycache__"))
        own = serve(self.aws, folder)
        roots = folder / "opt" / "python" / "botocore" / "cacert.pem"
        self.bundle = folder / "roots.pem"
        self.bundle.write_bytes(roots.read_bytes() + own.read_bytes())

    def command(self, name: str, times: int = 1, report: Path | None = None) -> list[str]:
        """The line that starts one function."""
        layers = [self.folder / "opt" / "python"] + [self.folder / "imaging" / "python"] * (name in IMAGING)
        python = getattr(sys, "_base_executable", sys.executable)
        app = self.folder / "functions" / name
        paths = os.pathsep.join(map(str, layers))
        rest = [str(report)] if report else []
        boot = str(ROOT / "bench" / "boot.py")
        return [python, "-S", "-s", "-B", boot, str(app), str(self.event(name)), str(times), paths, *rest]

    def event(self, name: str) -> Path:
        """The sample event; `query` asks for the job that `submit` made."""
        known = ROOT / "events" / f"{name}.json"
        if name == BARE:
            known = ROOT / "events" / "submit.json"
        if name != "query":
            return known
        job = next((sk[4:] for _, sk in self.aws.rows if sk.startswith("job#")), "")
        event = json.loads(known.read_text())
        made = self.folder / "query.json"
        made.write_text(json.dumps({**event, "rawPath": f"/packshot/v1/jobs/{job}"}))
        return made

    def reset(self) -> None:
        """A table with the sample events' account and key in it, and nobody's rate limit touched."""
        self.aws.calls.clear()
        self.aws.rows = {where: row for where, row in self.aws.rows.items() if where[1].startswith(("job#", "brief#"))}
        event, message = (json.loads((ROOT / "events" / f"{name}.json").read_text()) for name in ("submit", "dispatch"))
        key = keys.parse(event["headers"]["authorization"].removeprefix("Bearer "))
        if key is None:
            raise ValueError("events/submit.json holds no API key")
        account = message["Records"][0]["attributes"]["MessageGroupId"]
        told = {"v": rows.VERSION, "status": "active", "created": 1_790_000_000_000}
        pools = {"monthly": 10**6, "topup": 0, "granted_monthly": 10**6, "granted_topup": 0}
        limits = {"rpm": 60, "burst": 100_000}
        whose = {"account": account, "mode": key.mode, "digest": key.digest, "scopes": sorted(set(SCOPES.values()))}
        for pk, sk, more in ((f"key#{key.id}", "key", whose), (account, "account", {**pools, **limits})):
            self.aws.rows[pk, sk] = rows.pack({"pk": pk, "sk": sk, **told, **more})

    def environment(self) -> dict[str, str]:
        """What a function is given: nothing of ours gets in."""
        return {
            "PATH": os.defpath,
            "PYTHONHASHSEED": "0",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_CA_BUNDLE": str(self.bundle),
            "OPENBLAS_NUM_THREADS": "1",
            "TABLE_NAME": "packshot",
            "UPLOADS_BUCKET": "uploads",
            "OUTPUTS_BUCKET": "outputs",
            "CALLBACK_KEY_ID": "bench",
            "BUS_NAME": "packshot",
            "POLLER_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:poller",
            "PROVIDER_SECRETS": "packshot/bench/providers/",
            "SIMULATORS_URL": "",
            "API_URL": "https://api.example.com",
            "EGRESS_LOCAL": "",
            "STUDIO_WEIGHTS": "",
            **{
                f"{queue}_QUEUE_URL": f"{self.aws.url}/123456789012/packshot-{queue.lower()}"
                for queue in ("DISPATCH", "RENDER", "INGEST", "CALLBACKS", "PARKED")
            },
        }

    def run(self, command: list[str]) -> tuple[float, str]:
        """CPU ms and standard error of one process. Raises when it fails."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, env=self.environment(), stdout=subprocess.DEVNULL, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            said = errors.read().decode(errors="replace")
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{said[-3000:]}")
        return 1000 * (usage.ru_utime + usage.ru_stime), said

    def instructions(self, name: str, times: int = 1) -> int | None:
        """What callgrind counts from the start of the process to its end; None without valgrind."""
        valgrind = shutil.which("valgrind")
        if valgrind is None:
            return None
        self.reset()
        said = self.run([valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *self.command(name, times)])[1]
        found = re.search(r"Collected : (\d+)", said)
        if found is None:
            raise RuntimeError(said[-2000:])
        return int(found[1])

    def report(self, name: str, times: int = 1) -> dict[str, Any]:
        """What one run loaded, compiled and answered, and the calls it made."""
        self.reset()
        told = self.folder / "report.json"
        self.run(self.command(name, times, told))
        found: dict[str, Any] = json.loads(told.read_text())
        return found | {"calls": tuple(call.name for call in self.aws.calls)}

    def cold(self, names: Iterable[str], rounds: int = 7) -> dict[str, Start]:
        """Measure these functions."""
        names = list(names)
        told = {name: self.report(name) for name in names}
        spent: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                self.reset()
                spent[name].append(self.run(self.command(name))[0])
        return {
            name: Start(
                name,
                self.instructions(name),
                median(spent[name]),
                told[name]["rss_mb"],
                tuple(told[name]["modules"]),
                tuple(told[name]["compiled"]),
                told[name]["calls"],
                told[name]["answer"],
            )
            for name in names
        }


def table(found: Mapping[str, Start]) -> str:
    """The measurements as lines of text."""
    bare = found[BARE]
    head = f"{'function':18} {'M instr':>9} {'x bare':>7} {'CPU ms':>8} {'x bare':>7} {'RSS MB':>7} {'modules':>8}"
    lines = [f"{head} {'compiled':>9} {'calls':>6}"]
    for one in sorted(found.values(), key=lambda start: (start.name != BARE, start.instructions or start.cpu_ms)):
        counted = f"{'–':>9} {'–':>7}"
        if one.instructions and bare.instructions:
            counted = f"{one.instructions / 1e6:9.1f} {one.instructions / bare.instructions:7.2f}"
        lines.append(
            f"{one.name:18} {counted} {one.cpu_ms:8.1f} {one.cpu_ms / bare.cpu_ms:7.2f} {one.rss_mb:7.0f} "
            f"{len(one.modules):8} {len(layer_files(one)):9} {len(one.calls):6}"
        )
    if bare.instructions is None:
        lines.append("valgrind is not installed: no instructions were counted, CPU ms only (apt-get install valgrind)")
    return "\n".join(lines)


def layer_files(start: Start) -> list[str]:
    """Files of the layers, or of the standard library, that were compiled at import. app.py always is: 100 lines."""
    return [file for file in start.compiled if Path(file).name != "app.py"]
