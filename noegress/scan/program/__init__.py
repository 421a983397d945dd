"""The modules of one file linked by name: what a name means, which texts an expression has, who runs what."""
