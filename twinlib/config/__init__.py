"""From YAML and overrides to one checked, resolved tree, and from a node of it to an object."""
