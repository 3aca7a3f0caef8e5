"""The system bus, as far as trued listens to it: what happens to systemd's units. Nothing is asked for that changes anything."""
