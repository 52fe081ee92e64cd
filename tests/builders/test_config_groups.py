"""Fields below one field of a config, and the value that they describe."""
