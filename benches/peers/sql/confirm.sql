-- $1 hold id. One row changed, or none when there is no such hold or its time is over.
UPDATE hold SET status = 2 WHERE id = $1 AND status = 1 AND expires > now()
