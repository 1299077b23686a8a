"""dbt as a program, and what of the twins goes back to it."""
