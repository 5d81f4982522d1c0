"""What can be asked of a store, noun by noun: each op is written once and serves both databases."""
