"""Code that does not want to be read: constants that are put together, names that are spelled, code carried as data."""
