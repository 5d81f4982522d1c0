-- Before running jobs leave: how long their start keeps gates with a spacing shut.
--: silent rows tenant, id, token, gate, weight, elapsed
insert into "holdfast".gate_notes (tenant, gate, due, start)
select a.tenant, a.gate, u.until, true
from unnest(:tenant::text[], :id::uuid[], :token::int8[], :gate::text[], :weight::int4[], :elapsed::float8[])
    as a (tenant, id, token, gate, weight, elapsed)
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
cross join lateral (
    select started_at, state, token from "holdfast".jobs where tenant = a.tenant and id = a.id limit 1) as j
cross join lateral (
    select spacing from "holdfast".gates where tenant = a.tenant and name = a.gate limit 1) as g
cross join lateral (
    select coalesce(t.moment - a.elapsed * interval '1 second', j.started_at)
        + g.spacing * a.weight * interval '1 second' as until) as u
where j.state = 'running' and j.token = a.token and u.until > t.moment
