"""Fields that satisfy equations: problems written in YAML, and networks trained on their residuals."""
