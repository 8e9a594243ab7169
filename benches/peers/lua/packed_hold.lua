-- Holds the first berth that is free on a run of legs. All berths of a class are one string, four
-- bytes a berth, one bit a leg: a write is one command, however long the journey.
-- KEYS: taken legs of all berths, holds by expiry   ARGV: hold id, time to live in ms, berths, legs
-- Says the berth, or -1. Holds past their time are not swept here.
local wanted, berths = tonumber(ARGV[4]), tonumber(ARGV[3])
local taken = redis.call('GET', KEYS[1]) or ''
local there = #taken / 4
local byte, band = string.byte, bit.band
local berth, old = -1, 0
for i = 0, berths - 1 do
  if i >= there then berth, old = i, 0 break end
  local a, b, c, d = byte(taken, i * 4 + 1, i * 4 + 4)
  local mask = a + b * 256 + c * 65536 + d * 16777216
  if band(mask, wanted) == 0 then berth, old = i, mask break end
end
if berth < 0 then return -1 end
redis.call('SETRANGE', KEYS[1], berth * 4, struct.pack('<I4', old + wanted))
local t = redis.call('TIME')
redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1] .. ':' .. berth)
return berth
