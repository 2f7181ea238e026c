"""What exact posteriors need of torch; imported when one is asked for that computes with it."""
