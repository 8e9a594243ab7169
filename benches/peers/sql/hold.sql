-- $1 train, $2 class, $3 hold id, $4 legs. One row with the berth, or none.
WITH free AS MATERIALIZED (
    SELECT berth FROM berth WHERE train = $1 AND class = $2 AND taken & $4::int = 0
    LIMIT 1 FOR UPDATE SKIP LOCKED),
took AS (
    UPDATE berth SET taken = taken | $4::int FROM free
    WHERE berth.train = $1 AND berth.class = $2 AND berth.berth = free.berth RETURNING berth.berth)
INSERT INTO hold SELECT $3, $1, $2, took.berth, $4::int, 1, now() + interval '5 min' FROM took
RETURNING berth
