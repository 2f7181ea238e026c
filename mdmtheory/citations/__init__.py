"""Where everything is from: the works, who says that they are its source, and both as BibTeX."""

from __future__ import annotations

from mdmtheory.citations.bibtex import Entry, references
from mdmtheory.citations.citing import cite

__all__ = ["Entry", "cite", "references"]
