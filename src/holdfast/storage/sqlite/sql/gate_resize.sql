-- Gives gates the size that the code says, where it is another one and nobody has set it by hand.
--: rows tenant, gate, size, spacing
update holdfast_gates set size = :size, spacing = :spacing, updated_at = :now
where tenant = :tenant and name = :gate and not edited and (size is not :size or spacing is not :spacing)
