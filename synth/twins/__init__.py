"""How a model becomes a twin, and how twins are made side by side."""
