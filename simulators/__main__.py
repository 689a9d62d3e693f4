"""`python -m simulators --port 8600`: serve every simulator until interrupted."""

import argparse
import time

from simulators.server import Server


def main() -> None:
    """Read the port and serve."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8600, help="port on 127.0.0.1; packshot may reach 8600 to 8699")
    parser.add_argument("--latency", type=float, default=0.6, help="seconds from create to result")
    options = parser.parse_args()
    try:
        server = Server(options.port, latency=options.latency)
    except OSError as error:
        parser.exit(1, f"127.0.0.1:{options.port}: {error.strerror} (a running packshot has its simulators at 8600)\n")
    with server:
        names = " ".join(sorted(server.simulators))
        print(f"{server.url}/   what there is, and how to ask for a behaviour\n{names}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
