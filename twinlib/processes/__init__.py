"""The processes that compute one run together: who they are, where they meet, and that they end together."""
