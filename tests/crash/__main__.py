"""Cut every wire at every moment: `python -m tests.crash [SCENARIO...]`."""

import sys

from tests.crash import sweep

if __name__ == "__main__":
    sys.exit(sweep.main(sys.argv[1:]))
