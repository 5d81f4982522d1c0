-- Whether anybody hears of the ends of jobs.
--: read one
select exists (select from "holdfast".heard)
