-- What was sold, and on how many berths the taken legs are not the sum of the live holds' legs: not
-- 0 means a leg sold twice, or lost.
SELECT
    (SELECT count(*) FROM hold WHERE status = 2),
    (SELECT coalesce(sum(bit_count(legs::bit(32))), 0)::bigint FROM hold WHERE status = 2),
    (SELECT count(*) FROM berth LEFT JOIN (
        SELECT train, class, berth, sum(legs::bigint) AS legs FROM hold WHERE status < 3
        GROUP BY 1, 2, 3) live USING (train, class, berth)
    WHERE taken::bigint <> coalesce(live.legs, 0))
