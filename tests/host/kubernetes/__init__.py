"""The door to Kubernetes, from inside: what it reads, and what it does when a server fails. With a real one: tests/kube."""
