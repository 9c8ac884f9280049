"""The index over commits, queries, and resolving names."""
