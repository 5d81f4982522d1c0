-- The identity of this database's tables, made with them. A database copied from another has the same tables.
--: read one
select value || ' ' || current_database() from "holdfast".meta where name = 'installation'
