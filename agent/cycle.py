"""One pass, straight line, from Git to the report. Every branch is a value."""
