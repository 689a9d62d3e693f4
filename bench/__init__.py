"""The project's own benchmarks: `make bench`. Instructions gate CI (tests/architecture), times only report."""
