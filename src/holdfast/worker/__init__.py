"""Doing: a worker claims jobs, runs their bodies under renewed leases, and writes what became of them."""
