"""What is told about a run while it runs: wandb, TensorBoard, CSV. The record holds all of it too."""
