"""What DVC runs: one module for each dataset, pure functions from path to path, and one command line."""
