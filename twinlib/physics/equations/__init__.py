"""Equations by name, a family a file; `shipped` reads them out of a problem."""
