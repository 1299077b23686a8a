"""Reads the rows of a model, finds the rules that they keep, and draws rows that keep them."""
