"""Examining a database and those who work on it: what is wrong, and what to do."""
