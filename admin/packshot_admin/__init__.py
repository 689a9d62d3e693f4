"""packshot-admin: what an operator does by hand. Accounts, grants, keys, the books, providers' credentials."""
