"""A runtime guard that stops every connection the policy does not name, and says which distribution tried."""

__version__ = "0.1.0"
