"""Member → facts: a reader for each kind of content."""
