"""What determines a result: command, settings, code, data, partition, libraries → manifest."""
