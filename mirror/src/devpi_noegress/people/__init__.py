"""Who asks: an address or a person with a role, what that lets them do, and what they asked for."""
