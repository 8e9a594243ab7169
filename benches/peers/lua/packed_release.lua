-- Gives a held berth back in the packed form.
-- KEYS: taken legs of all berths, holds by expiry   ARGV: hold id, berth, legs
-- Says 1, or 0 when there is no such hold.
if redis.call('ZREM', KEYS[2], ARGV[1] .. ':' .. ARGV[2]) == 0 then return 0 end
local at = ARGV[2] * 4
local old = struct.unpack('<I4', redis.call('GETRANGE', KEYS[1], at, at + 3))
redis.call('SETRANGE', KEYS[1], at, struct.pack('<I4', old - ARGV[3]))
return 1
