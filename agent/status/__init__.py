"""What a host tells about itself: a report as the files and the message of a commit, and back. Pure."""
