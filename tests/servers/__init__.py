"""Real servers for tests: Git over https and ssh, and a network that can fail."""
