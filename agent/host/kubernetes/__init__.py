"""The door to the Kubernetes of this host: its API, as JSON both ways. Nothing else of trued speaks with it."""
