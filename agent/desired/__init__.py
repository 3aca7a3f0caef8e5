"""What a commit declares for one host: fleet.yaml, layers, variables and templates. Reads a tree, and nothing else."""
