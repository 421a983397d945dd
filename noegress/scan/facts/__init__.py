"""What one member tells, as plain values, and the words, addresses and expressions that it is told in."""
