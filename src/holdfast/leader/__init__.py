"""What only one process at a time may do, and what keeps it the one."""
