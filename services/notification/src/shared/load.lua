-- A channel as it stands, and a note that somebody knows it, so that its history is kept from now on.
-- ARGV: prefix, a fresh epoch, the note's seconds, channel.
-- Returns: epoch, offset, and body and time of production of each event in the history.
local prefix, fresh, seconds, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local meta, stream = prefix .. 'meta:' .. channel, prefix .. 'history:' .. channel
redis.call('SET', prefix .. 'known:' .. channel, 1, 'EX', seconds)
local epoch = redis.call('HGET', meta, 'epoch')
if not epoch then
  epoch = fresh
  redis.call('DEL', stream)
  redis.call('HSET', meta, 'epoch', epoch, 'offset', 0, 'bytes', 0)
end
redis.call('EXPIRE', meta, 86400)
local out = { epoch, redis.call('HGET', meta, 'offset') or '0' }
for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do
  table.insert(out, entry[2][2])
  table.insert(out, entry[2][4])
end
return out
