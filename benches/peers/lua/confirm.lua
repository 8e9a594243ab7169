-- Turns a live hold into a sale.
-- KEYS: holds by expiry, sold (hash hold id -> berth; a berth is sold once for each run of legs)
-- ARGV: hold id, berth
-- Says 1, or 0 when there is no such hold or its time is over.
local member = ARGV[1] .. ':' .. ARGV[2]
local expires = redis.call('ZSCORE', KEYS[1], member)
if not expires then return 0 end
local t = redis.call('TIME')
if tonumber(expires) <= t[1] * 1000 + math.floor(t[2] / 1000) then return 0 end
redis.call('ZREM', KEYS[1], member)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
