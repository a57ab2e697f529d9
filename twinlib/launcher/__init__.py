"""Where the runs of a sweep are computed: here, on a Ray cluster, or by Slurm."""
