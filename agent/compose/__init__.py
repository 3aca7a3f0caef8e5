"""
A Compose file of the commit, as it is, into entries of other sections: containers, networks, volumes and files. Pure:
it is given nodes, and asks the tree no more than what there is.

https://github.com/compose-spec/compose-spec, and compose-go where that is silent.
"""
