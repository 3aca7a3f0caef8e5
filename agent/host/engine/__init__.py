"""The container engine of this host, through the Docker SDK, which is imported when an engine is first asked."""
