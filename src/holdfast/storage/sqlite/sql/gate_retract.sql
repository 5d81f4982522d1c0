-- Takes offers back that nobody has claimed: into the line of `gate`. Only their places in groups stay theirs, and not
-- those where they are passed over.
--: rows tenant, id, gate, passed
update holdfast_jobs set state = 'blocked', reason = 'gate', updated_at = :now
where tenant = :tenant and id = :id and state = 'ready';
delete from holdfast_gate_jobs
where tenant = :tenant and id = :id and gate <> :gate and (:passed > 0 or gate not like 'group:%')
    and exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and state = 'blocked');
update holdfast_gate_jobs set held = 0, odd = odd or :passed > 0, passed_at = case when :passed > 0 then :now end
where tenant = :tenant and id = :id and gate = :gate
    and exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and state = 'blocked')
