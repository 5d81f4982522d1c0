-- Whether a gate is to be looked at now, in how many seconds the next one is, and whether there are gates at all.
--: read one
select exists (select 1 from holdfast_gate_notes where due <= :now)
        or exists (select 1 from holdfast_gates where next_at <= :now)
        or exists (select 1 from holdfast_jobs where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry'),
    (min(coalesce((select due from holdfast_gate_notes order by due limit 1), 9e18),
        coalesce((select next_at from holdfast_gates where next_at is not null order by next_at limit 1), 9e18))
        - :now) / 1000000.0,
    exists (select 1 from holdfast_gates)
