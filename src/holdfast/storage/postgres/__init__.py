"""The PostgreSQL store: SQL, driver and wake-ups of PostgreSQL 14 and later, through psycopg 3."""
