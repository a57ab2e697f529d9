"""Runs side by side: a table on the terminal, one page for the browser."""
