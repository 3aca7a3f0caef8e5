"""The system bus, as far as trued uses it: what happens to systemd's units, and how they are. Nothing is asked for that changes anything."""
