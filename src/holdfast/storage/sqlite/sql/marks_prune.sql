-- Forgets marks past their time, a page at a time; that of an input stays for as long as its job is live or kept.
--: one batch
update holdfast_marks
set keep_until = case
    when exists (select 1 from holdfast_jobs j where j.tenant = holdfast_marks.tenant and j.id = holdfast_marks.id)
        then :now + 3600000000
    else coalesce((select max(h.keep_until) from holdfast_history h
        where h.tenant = holdfast_marks.tenant and h.id = holdfast_marks.id), 0) end
where (tenant, kind, name) in (
    select tenant, kind, name from holdfast_marks where keep_until <= :now order by keep_until limit :batch)
    and kind = 'input';
delete from holdfast_marks
where (tenant, kind, name) in (
    select tenant, kind, name from holdfast_marks where keep_until <= :now order by keep_until limit :batch)
returning 1
