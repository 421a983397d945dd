"""What is written on a page, for clients and for people."""
