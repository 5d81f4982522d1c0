-- How far something is counted.
--: read one name
select coalesce((select pos from holdfast_stats_marks where name = :name), 0)
