"""What a fake host has beyond files, and the commands that change it: one module a kind, where a kind needs one."""
