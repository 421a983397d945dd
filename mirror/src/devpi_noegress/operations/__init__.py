"""What operators do with a mirror: each verb, near and from afar."""
