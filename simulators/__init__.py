"""Upstream providers on loopback, true to their documents; started with `make simulators` or `python -m simulators`.

One file per provider, exporting `Simulator`, or several as `SIMULATORS`; the folder is the registry. Nothing here
imports packshot: what a vendor documents is written down a second time, so that a mistake of ours does not confirm
itself. The one exception is `products.py`, for vendors whose API packshot itself speaks: it is made of that. How to ask
for a behaviour (`[[sim:fail]]` in a prompt) is listed in `kit.py` and on the index page.
"""
