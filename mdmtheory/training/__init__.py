"""Networks in the oracle's place: what they are trained for, and how."""
