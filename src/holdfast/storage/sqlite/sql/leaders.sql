-- Who leads, or was the last to.
--: read one
select role, boot, term, (expires_at - :now) / 1e6 from holdfast_leaders order by role
