"""The command `holdfast`: one module for each noun."""
