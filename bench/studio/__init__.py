"""The studio against its peers, on labelled pictures: `.venv/bin/python -m bench.studio`.

peers.py        the methods, the rooms they run in, their child processes
peer_worker.py  what such a process does: one method, picture by picture; knows nothing of the project
quality.py      every method on every picture: metrics.py (against the true alpha), white.py (against a marketplace)
cost.py         CPU seconds, peak memory, cold start, package size
truth.py        shadows and reflections against the renderer's
table.py        the results as Markdown
"""
