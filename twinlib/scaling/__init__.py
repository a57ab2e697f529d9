"""How much faster a training gets with more devices, and what of an epoch goes where."""
