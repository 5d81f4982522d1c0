-- Moves locked schedules on: what they wait for now, and what they have done.
--: rows tenant, name, next, due, last, fired, skipped, parked
update "holdfast".schedules s
set next_at = timestamptz 'epoch' + n.next * interval '1 microsecond',
    due_at = timestamptz 'epoch' + n.due * interval '1 microsecond',
    last_at = coalesce(timestamptz 'epoch' + n.last * interval '1 microsecond', s.last_at),
    parked = n.parked, fired = s.fired + n.fired, skipped = s.skipped + n.skipped,
    fired_at = case when n.fired > 0 then coalesce(:now::timestamptz, statement_timestamp()) else s.fired_at end
from unnest(:tenant::text[], :name::text[], :next::int8[], :due::int8[], :last::int8[], :fired::int8[],
        :skipped::int8[], :parked::text[])
    with ordinality as n (tenant, name, next, due, last, fired, skipped, parked, ord)
where s.tenant = n.tenant and s.name = n.name
returning n.ord
