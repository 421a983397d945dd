"""Requirements read and closed over what they need, for each environment, and what stands in their way."""
