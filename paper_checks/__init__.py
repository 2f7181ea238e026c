"""What the papers publish, held against the project's own numbers: `python -m paper_checks` writes README.md here."""
