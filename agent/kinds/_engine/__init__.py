"""What the kinds of a container engine know together: names, labels, and what follows from a container. Pure."""
