-- The identity of this database's tables, made with them.
--: read one
select value from holdfast_meta where name = 'installation'
