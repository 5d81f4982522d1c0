-- Forgets journals with all their pieces.
--: silent rows tenant, id, version
delete from holdfast_steps where (tenant, id, version) in (with given as (:rows tenant, id, version) select * from given);
delete from holdfast_journals where (tenant, id, version) in (with given as (:rows tenant, id, version) select * from given)
