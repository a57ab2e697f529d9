"""Steady flow around obstacles in a channel: a lattice Boltzmann solver, its data, and networks in its place."""
