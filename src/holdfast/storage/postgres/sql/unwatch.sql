-- Jobs that others wait for are about to end: without the mark finish.sql takes them. Not those that have done what is to be
-- undone first, where `undoes` says so.
--: rows tenant, id, token, undoes
with held as materialized (
    select j.place, a.ord
    from unnest(:tenant::text[], :id::uuid[], :token::int8[], :undoes::int4[])
        with ordinality as a (tenant, id, token, undoes, ord)
    cross join lateral (
        select ctid as place from "holdfast".jobs
        where tenant = a.tenant and id = a.id and token = a.token and pending is null and watched
            and (a.undoes = 0 or strpos(policy, '"undo":"') = 0)
        limit 1
        for update skip locked
    ) as j
)
update "holdfast".jobs j
set watched = null, policy = case when strpos(j.policy, '"undo":"') > 0
    then regexp_replace(j.policy, ',"undo":"[^"]*"|"undo":"[^"]*",?', '') else j.policy end
from held h where j.ctid = h.place
returning h.ord
