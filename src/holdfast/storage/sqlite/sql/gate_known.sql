-- What gates are: whose jobs came to them first, and how large they are; no row for those that are not there.
--: read rows tenant, gate
with given as (:rows tenant, gate, ord)
select a.ord, g.lane, g.size, g.spacing, g.edited
from given a cross join holdfast_gates g on g.tenant = a.tenant and g.name = a.gate
