"""How jobs are kept: operations as data, lanes that share commits, one folder of statements per database."""
