-- Holds the first berth that is free on a run of legs.
-- KEYS: scratch, holds by expiry, then one bitmap of taken berths for each leg
-- ARGV: hold id, time to live in ms, berths of the class
-- Says the berth, or -1. Holds past their time are not swept here: a sweeper would run the release
-- for each that is due.
local legs = {}
for i = 3, #KEYS do legs[i - 2] = KEYS[i] end
redis.call('BITOP', 'OR', KEYS[1], unpack(legs))
local berth = redis.call('BITPOS', KEYS[1], 0)
if berth < 0 or berth >= tonumber(ARGV[3]) then return -1 end
for i = 1, #legs do redis.call('SETBIT', legs[i], berth, 1) end
local t = redis.call('TIME')
redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1] .. ':' .. berth)
return berth
