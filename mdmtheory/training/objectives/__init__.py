"""What a network is trained for: one file an objective."""
