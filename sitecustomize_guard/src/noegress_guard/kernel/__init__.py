"""The kernel layer (Linux): a supervisor that owns every socket of a tree of processes, and the tree it starts."""
