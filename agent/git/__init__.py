"""A repository elsewhere: what this host may follow of it, and what it reports there. The only room on the network."""
