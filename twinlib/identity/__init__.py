"""What makes two runs the same: config, code, data and environment; and what is different when they are not."""
