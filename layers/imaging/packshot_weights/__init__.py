"""Weights of the cut-out model, as data; see NOTICE for whose work they are and under which terms."""
