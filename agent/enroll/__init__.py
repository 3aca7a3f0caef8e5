"""
Puts down what a host needs to follow a repository: a deploy key, the server's host key, agent.yaml.

Writes only beside agent.yaml, each file whole or not at all, and never over one that is there. So after a kill at any
point the same command goes on where it was.
"""
