"""HTTP as the mirror speaks it: answers as values, and the connections that carry them."""
