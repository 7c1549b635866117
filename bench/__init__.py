"""Measurements that print a table and fail under their floor. Run from the repository: `make bench`."""
