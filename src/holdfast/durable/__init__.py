"""Durable execution: pieces of a body that are recorded, and replayed after whatever happens."""
