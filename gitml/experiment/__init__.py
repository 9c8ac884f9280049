"""The record, its name, its message, and writing it as a commit."""
