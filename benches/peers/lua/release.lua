-- Gives a held berth back.
-- KEYS: holds by expiry, then the bitmap of each leg of the hold   ARGV: hold id, berth
-- Says 1, or 0 when there is no such hold.
if redis.call('ZREM', KEYS[1], ARGV[1] .. ':' .. ARGV[2]) == 0 then return 0 end
for i = 2, #KEYS do redis.call('SETBIT', KEYS[i], ARGV[2], 0) end
return 1
