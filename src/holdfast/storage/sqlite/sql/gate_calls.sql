-- Takes a page of what asks for a look, and answers the gates.
--: one batch
select tenant, gate from (
    select tenant, gate from holdfast_gate_notes where due <= :now order by due, seq limit :batch)
union
select tenant, name from (select tenant, name from holdfast_gates where next_at <= :now order by next_at limit :batch);
delete from holdfast_gate_notes
where seq in (select seq from holdfast_gate_notes where due <= :now order by due, seq limit :batch)
