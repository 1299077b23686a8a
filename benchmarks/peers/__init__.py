"""One program per contestant: training rows in, synthetic rows out."""
