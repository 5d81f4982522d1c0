-- How far something is counted.
--: read one name
select coalesce((select pos from "holdfast".stats_marks where name = :name::text), 0)
