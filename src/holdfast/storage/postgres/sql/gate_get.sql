-- Gates by name, and what is in them: how many places are taken, how many jobs wait, as far as so many of them show, and
-- the job whose failure keeps it shut.
--: read rows tenant, gate, most
select a.ord, g.base, g.size, g.spacing, g.edited, s.used, w.waiting, f.id
from unnest(:tenant::text[], :gate::text[], :most::int4[]) with ordinality as a (tenant, gate, most, ord)
cross join lateral (
    select base, size, spacing, edited from "holdfast".gates where tenant = a.tenant and name = a.gate limit 1) as g
cross join lateral (
    select coalesce(sum(weight), 0)::int8 as used from (
        select weight from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and held
        order by tenant, gate, id offset 0) as seats) as s
cross join lateral (
    select count(*) as waiting from (
        select 1 from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and not held
        order by tenant, gate, rank, due, seq limit a.most) as line) as w
left join lateral (
    select id::text as id from "holdfast".gate_jobs where tenant = a.tenant and gate = a.gate and stop
    order by tenant, gate, gate_jobs.id limit 1) as f on true
