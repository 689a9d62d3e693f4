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
    with Server(options.port, latency=options.latency) as server:
        print(f"simulators on {server.url} (index, directives and control calls at that address)", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
