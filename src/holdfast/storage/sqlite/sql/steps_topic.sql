-- Pieces that wait for these topics: a page of each.
--: read rows tenant, topic, batch
select id, version, branch, name, nth, mark from holdfast_steps
where tenant = :tenant and topic = :topic and state = 'waiting' and topic is not null
limit :batch
