"""DVC storage: the object cache, pointers, remotes, restoring; it knows no Git, no experiments."""
