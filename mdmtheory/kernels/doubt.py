"""When a number in float64 can be believed: how small products and sums of probabilities may be.

There are two ways to be sure. Either no product of positive numbers came near the smallest float64: then nothing was
lost, and zeros are structural. Or the messages from both sides of every place come to much more together than all that
can have been lost there. Where neither is known, a row is done again in logarithms (docs/theory.md, section 4).
"""

LEAST_PRODUCT = 1e-290
"""A product of positive numbers that is larger was not rounded to a multiple of the smallest float64."""

LEAST_TOTAL = 1e-100
"""What is dropped is below LEAST_PRODUCT of the scale of a message; sums from here on have lost nothing to speak of."""

LEAST_SHARE = 1e-90
"""So has a single token with so much of such a sum."""
