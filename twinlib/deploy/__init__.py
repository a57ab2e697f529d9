"""Manifests and batch scripts that run experiments on a cluster."""
