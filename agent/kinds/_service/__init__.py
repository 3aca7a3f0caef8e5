"""What an entry with the keys of a Compose service says, and what a container engine is asked for then. Pure."""
