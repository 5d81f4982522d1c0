"""Telling: code states facts on the bus; subscribers word the logs and count the metrics."""
