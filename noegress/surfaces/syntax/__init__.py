"""Configuration files and shell as their programs read them, with the lines of what they say; none of it is run."""
