-- Gives all gates of a limit the size that the code says now, where nobody has set it by hand; answers those that changed.
--: rows base, size, spacing
update holdfast_gates
set size = :size, spacing = :spacing, updated_at = :now
where base = :base and base is not null and not edited and (size is not :size or spacing is not :spacing)
returning tenant, name
