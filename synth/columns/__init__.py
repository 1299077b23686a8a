"""What each column is, and how its values are learned, replaced and put back."""
