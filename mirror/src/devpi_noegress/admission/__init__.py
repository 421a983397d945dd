"""How a file comes from known to decided: its gates, its scan, its evidence, its line in the catalogue, one writer."""
