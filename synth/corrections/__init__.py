"""Makes drawn rows agree: keys and references, versions and numbers that count, columns that SQL computes."""
