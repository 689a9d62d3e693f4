"""Upstream providers on loopback, true to their documents; started with `python -m simulators`.

One file per provider, exporting `Simulator`; the folder is the registry. Nothing here imports packshot: what a vendor
documents is written down a second time, so that a mistake of ours does not confirm itself. How to ask for a behaviour
(`[[sim:fail]]` in a prompt) is listed in `replicate.py` and on the index page.
"""
