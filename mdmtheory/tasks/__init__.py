"""Tasks: languages with a prompt, whose support is the checker of their answers."""
