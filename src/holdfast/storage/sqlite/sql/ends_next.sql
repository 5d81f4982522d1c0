-- From where on ends of jobs are to be told, and up to where they are by then. There is one writer at a time, so rows come
-- in the order of their commits.
--: one
select pos, coalesce((select max(pos) from holdfast_history), 0) from holdfast_stats_marks where name = 'told'
