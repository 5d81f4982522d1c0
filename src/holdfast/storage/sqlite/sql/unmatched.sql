-- Whether there are messages or waits that are still to be matched.
--: read one
select exists (select 1 from holdfast_messages where fresh) or exists (select 1 from holdfast_asks where fresh)
