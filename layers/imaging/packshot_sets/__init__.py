"""Plates of the built-in studio's sets, as data; see NOTICE for how they were made and under which terms."""
