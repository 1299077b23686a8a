"""What columns mean across models, by the project's own SQL, its manifest and the catalog."""
