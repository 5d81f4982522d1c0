"""The leader's duties: each can be run once, is bounded, and says what it did."""
