"""The whole of packshot on one machine, without Docker and without an AWS account.

    python3 tools/local.py up      emulator, simulators, the real template built and deployed, an account with a key
    python3 tools/local.py down    stop all of it
    python3 tools/local.py status  what runs where

`up` may be called again at any time: what runs is left running, and what has not changed is not deployed again.
It writes out/stack.json (the stack's outputs, for packshot-admin) and out/local.json (what a caller needs). Nothing
outlives `down` but the logs. The environment can move it aside, which is how the tests run beside a running `make up`:

    PACKSHOT_PORT=4566     port of the emulator
    PACKSHOT_OUT=out       folder for state and logs
    PACKSHOT_WORKERS=4     processes per function
    PACKSHOT_AUTH=1        the functions' roles are enforced; 0 lets everything through
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bootstrap

ROOT = bootstrap.ROOT
PORT = int(os.environ.get("PACKSHOT_PORT", "4566"))
OUT = ROOT / os.environ.get("PACKSHOT_OUT", "out")
AUTH = os.environ.get("PACKSHOT_AUTH", "1") == "1"
WORKERS = os.environ.get("PACKSHOT_WORKERS", "4")
ENDPOINT = f"http://127.0.0.1:{PORT}"
STACK = "packshot-local"
REGION = "us-east-1"
API_ID = "cafe0001"  # the tag ms-custom-id of the Api in template.yaml
API_URL = f"{ENDPOINT}/_aws/execute-api/{API_ID}"
SIMULATORS_PORT = 8600  # also in template.yaml
INPUTS = ("template.yaml", "samconfig.toml", "uv.lock", "functions", "layers", "statemachines", "tools")
KEPT = {
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "TMPDIR",
    "USER",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "UV_CACHE_DIR",
    "PYENV_ROOT",
}


# ------------------------------------------------------------------------------------------------------- processes


def aws_environment() -> dict[str, str]:
    """An environment in which every AWS client talks to the emulator, and none to AWS.

    Functions inherit the emulator's: so it names what a program needs, and no key that the caller's shell may hold.
    """
    ours = {name: value for name, value in os.environ.items() if name in KEPT}
    return ours | {
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
    }


def listening(port: int) -> bool:
    """Whether somebody answers on this port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def running(name: str) -> int | None:
    """The process that `launch` started under this name, if it is alive."""
    try:
        pid = int((OUT / f"{name}.pid").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    with contextlib.suppress(OSError):  # where there is no /proc, the number must do
        if (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return None
    return pid


def launch(name: str, command: list[str | Path], environment: dict[str, str], port: int) -> None:
    """Start a server that outlives this script, and wait until it answers."""
    if running(name) and listening(port):
        return
    halt(name)
    if listening(port):
        sys.exit(f"port {port} is taken by something else; stop it, or choose another with PACKSHOT_PORT")
    log = OUT / f"{name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    (OUT / f"{name}.pid").write_text(str(process.pid))
    for _ in range(600):
        if listening(port):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{name} did not start; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")


def halt(name: str) -> None:
    """Stop what `launch` started: politely, then not."""
    pid = running(name)
    if pid:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(OSError):
                os.killpg(pid, sign)
            for _ in range(100):
                if not running(name):
                    break
                time.sleep(0.1)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if not running(name):
                break
        print(f"stopped {name}")
    (OUT / f"{name}.pid").unlink(missing_ok=True)


# -------------------------------------------------------------------------------------------------------- the stack


def digest() -> str:
    """Everything the stack is made from, in one word."""
    total = hashlib.sha256(sys.version.encode())
    for name in INPUTS:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return total.hexdigest()


def outputs() -> dict[str, str]:
    """The outputs of the deployed stack; empty when there is none."""
    who = f"Credential=test/20250101/{REGION}/cloudformation/aws4_request, SignedHeaders=host, Signature=0"
    query = urllib.request.Request(
        ENDPOINT,
        data=f"Action=DescribeStacks&Version=2010-05-15&StackName={STACK}".encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"AWS4-HMAC-SHA256 {who}"},
    )
    try:
        with urllib.request.urlopen(query, timeout=10) as reply:
            tree = ElementTree.fromstring(reply.read())
    except OSError:
        return {}
    found = {}
    for member in tree.iter():
        if member.tag.endswith("member"):
            parts = {child.tag.rpartition("}")[2]: child.text or "" for child in member}
            if "OutputKey" in parts:
                found[parts["OutputKey"]] = parts["OutputValue"]
    return found


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock of this clone: two builds at once would get in each other's way."""
    (ROOT / ".aws-sam").mkdir(exist_ok=True)
    with (ROOT / ".aws-sam" / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sam(*arguments: str | Path, **extra: str) -> None:
    """Run the SAM command line against the emulator; show what it says only when it fails."""
    command = [str(bootstrap.TOOLS / "sam" / "bin" / "sam"), *(str(part) for part in arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=aws_environment() | extra, stdin=subprocess.DEVNULL, text=True, capture_output=True
    )
    with (OUT / "sam.log").open("a") as log:
        log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\n")
    if done.returncode:
        sys.exit(f"sam {arguments[0]} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def deploy() -> None:
    """Build and deploy the real template for this machine."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    architecture = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    chosen = {
        "LambdaRuntime": runtime,
        "Architecture": architecture,
        "Local": "true",
        "Stage": "local",
        "PublicUrl": API_URL,
    }
    overrides = ["--parameter-overrides", *(f"{name}={value}" for name, value in chosen.items())]
    config: list[str | Path] = ["--config-file", ROOT / "samconfig.toml", "--config-env", "local"]
    built = OUT / "build"
    with alone("build.lock"):
        sam("build", *config, "--build-dir", built, *overrides, PACKSHOT_HOST="1")
        sam("deploy", *config, "--template-file", built / "template.yaml", *overrides)


# --------------------------------------------------------------------------------------------------------- the rest


def simulators() -> None:
    """Serve the simulated providers, if this clone has them and nobody serves them yet."""
    if (ROOT / "simulators").is_dir() and not listening(SIMULATORS_PORT):
        python = ROOT / ".venv" / "bin" / "python"
        launch(
            "simulators",
            [python, "-m", "simulators", "--port", str(SIMULATORS_PORT)],
            aws_environment(),
            SIMULATORS_PORT,
        )


def admin(*arguments: str) -> dict[str, Any]:
    """What packshot-admin answers."""
    command = [str(ROOT / ".venv" / "bin" / "packshot-admin"), "--stack-name", STACK, "--json", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=aws_environment(), stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def seed_account() -> dict[str, Any]:
    """Make the account that `up` hands out, with 10,000 credits (1,000 are its plan's), a live key and a test key."""
    made = admin("create-account", "demo", "--plan", "pro", "--topup", "9000", "--rpm", "600", "--burst", "100")
    return {
        "account": made["account"],
        "callback_secret": made["callback_secret"],
        "key": admin("create-key", made["account"], "--mode", "live")["key"],
        "test_key": admin("create-key", made["account"], "--mode", "test")["key"],
    }


def read(name: str) -> dict[str, Any]:
    """One of our own files in OUT, or nothing."""
    try:
        content: dict[str, Any] = json.loads((OUT / name).read_text())
    except (OSError, ValueError):
        return {}
    return content


def write(name: str, content: dict[str, Any]) -> None:
    """One of our own files in OUT; it may hold keys, so nobody else may read it."""
    (OUT / name).touch(mode=0o600)
    (OUT / name).write_text(json.dumps(content, indent=2) + "\n")


def up() -> dict[str, Any]:
    """Make everything run; return what a caller needs."""
    bootstrap.main(["project", "emulator", "sam", "lambda"])
    OUT.mkdir(parents=True, exist_ok=True)
    if not running("emulator"):
        for name in ("local.json", "stack.json", "emulator.log", "simulators.log", "sam.log"):
            (OUT / name).unlink(missing_ok=True)
        shutil.rmtree(OUT / "tmp", ignore_errors=True)
    (OUT / "tmp").mkdir(exist_ok=True)
    environment = aws_environment() | {
        "GATEWAY_PORT": str(PORT),
        "BIND_HOST": "127.0.0.1",
        "TMPDIR": str(OUT / "tmp"),
        "PACKSHOT_LAMBDA_PYTHON": str(bootstrap.TOOLS / "lambda" / "bin" / "python"),
        "PACKSHOT_WORKERS": WORKERS,
        "AUTH": "true" if AUTH else "false",
        "LOG_LEVEL": os.environ.get("EMULATOR_LOG_LEVEL", "INFO"),
    }
    launch(
        "emulator", [bootstrap.TOOLS / "emulator" / "bin" / "python", ROOT / "tools" / "emulator.py"], environment, PORT
    )
    simulators()
    wanted, known = digest(), read("stack.json")
    made = outputs() if known.get("digest") == wanted else {}
    if not made:
        print("building and deploying template.yaml", flush=True)
        deploy()
        made = outputs()
    write("stack.json", {"endpoint_url": ENDPOINT, "region": REGION, "stack": STACK, "outputs": made, "digest": wanted})
    local = read("local.json")
    if "account" not in local:
        local = seed_account()
    function = made["SyncUrl"].split("//")[1].split(".")[0]
    local |= {
        "api_url": API_URL,
        "sync_url": f"{ENDPOINT}/_aws/lambda-url/{function}",
        "endpoint_url": ENDPOINT,
        "region": REGION,
        "simulators_url": f"http://127.0.0.1:{SIMULATORS_PORT}" if listening(SIMULATORS_PORT) else None,
    }
    write("local.json", local)
    return local


def down() -> None:
    """Stop everything."""
    halt("simulators")
    halt("emulator")
    shutil.rmtree(OUT / "tmp", ignore_errors=True)
    for name in ("local.json", "stack.json"):
        (OUT / name).unlink(missing_ok=True)


def main(verb: str = "status") -> None:
    """Do what the command line says."""
    if verb == "up":
        started = time.monotonic()
        for name, value in up().items():
            print(f"{name:15} {value}")
        print(f"ready in {time.monotonic() - started:.1f} s; the same is in {OUT.name}/local.json")
    elif verb == "down":
        down()
    elif verb == "status":
        for name in ("emulator", "simulators"):
            print(f"{name:15} {running(name) or 'stopped'}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:2])
