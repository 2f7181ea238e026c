"""From results to answers: what differs, how many steps a quality needs, by what power something grows."""
