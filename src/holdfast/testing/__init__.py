"""Helpers for testing code that uses Holdfast."""
