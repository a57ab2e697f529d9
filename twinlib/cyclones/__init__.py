"""Tropical cyclones: real best tracks, fields of the atmosphere around them, and what finds the one in the other."""
