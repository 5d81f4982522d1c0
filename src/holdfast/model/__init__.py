"""What things are: values, rules and states. Pure: no I/O and no clock."""
