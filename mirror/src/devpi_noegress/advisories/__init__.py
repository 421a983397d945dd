"""Known vulnerabilities inside the boundary: an imported archive, and who asks it."""
