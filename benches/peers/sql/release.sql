-- $1 hold id. One row changed, or none when there is no such hold.
WITH gone AS (
    UPDATE hold SET status = 3 WHERE id = $1 AND status = 1 RETURNING train, class, berth, legs)
UPDATE berth SET taken = taken & ~gone.legs FROM gone
WHERE berth.train = gone.train AND berth.class = gone.class AND berth.berth = gone.berth
