"""The dbt project as its files tell of it: settings, profile, manifest."""
