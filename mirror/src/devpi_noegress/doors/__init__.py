"""What a request meets: pages, files, operations, health; what may leave, and in which form."""
