"""Many runs from one command: their points, and the configs of these."""
