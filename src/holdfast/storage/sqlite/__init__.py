"""The SQLite store: SQL, driver and wake-ups of SQLite 3.35 and later, through the standard library."""
