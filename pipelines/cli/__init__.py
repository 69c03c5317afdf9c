"""The console script ``har``: one module a command; each imports what is heavy when it is called."""
