-- Whether there are messages or waits that are still to be matched.
--: read one
select exists (select from "holdfast".messages where fresh order by seq limit 1)
    or exists (select from "holdfast".asks where fresh order by asked_at limit 1)
