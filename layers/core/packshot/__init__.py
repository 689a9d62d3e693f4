"""packshot: one request turns a snapshot of a product into finished product photos."""
