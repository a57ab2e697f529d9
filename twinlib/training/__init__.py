"""Training and using models: one adapter a framework, and between them what no framework has a part in."""
