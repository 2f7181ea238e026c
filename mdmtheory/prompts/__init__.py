"""What is given of a sequence, by name, and the prompts that stand there."""
