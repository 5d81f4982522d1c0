-- Whether anybody hears of the ends of jobs.
--: read one
select exists (select 1 from holdfast_heard)
