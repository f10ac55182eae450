-- Takes an event in, or looks for holes whose time is over. What becomes ready gets its offset, goes
-- into its channel's history and to all replicas, and is returned. All of it happens at once, or not
-- at all: a replica that dies on the way leaves nothing half done, and whoever takes its records over
-- finds what it had published already.
--
-- ARGV: prefix, a fresh epoch, limits of a history (events, bytes, seconds), and then
--   'session', id, sequence, hold_ms, first_hold_ms, channel, event, produced_ms, payload, trace
--   'record', key, offset, time_ms, channel, event, produced_ms, payload, trace
--   'expire', hold_ms
-- Returns: the verdict, the number of holes given up, and a list of channel, event, offset, payload and
-- trace of each event that was published. The trace (none: '') is that of the event's own record: what
-- is held back is published by another one.
local prefix, fresh = ARGV[1], ARGV[2]
local max_events, max_bytes, ttl = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- A session that is silent for longer than this is as new.
local ORDER_TTL = 86400
-- Sequences of a hole that are remembered, for events that come after all.
local MAX_HOLE = 1000
-- A session that begins with one of its first events is new: those before it are on their way.
local NEW = 16
-- Events that a session holds back, and sessions that do.
local MAX_HELD, MAX_WAITING = 2000, 10000

local out = {}
local gaps = 0

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(number)
  return string.format('%.0f', number)
end

local function publish(channel, event, produced, payload, trace)
  -- A record that goes to nobody keeps its place in the order, no more.
  if channel == '' then return end
  local meta, stream = prefix .. 'meta:' .. channel, prefix .. 'history:' .. channel
  local epoch = redis.call('HGET', meta, 'epoch')
  if not epoch then
    epoch = fresh
    redis.call('DEL', stream)
    redis.call('HSET', meta, 'epoch', epoch)
  end
  local offset = whole(redis.call('HINCRBY', meta, 'offset', 1))
  redis.call('EXPIRE', meta, ORDER_TTL)
  if redis.call('EXISTS', prefix .. 'known:' .. channel) == 1 then
    local body = '{"data":{"event":"' .. event .. '","payload":' .. payload .. '},"offset":'
      .. offset .. '}'
    redis.call('XADD', stream, offset .. '-0', 'body', body, 'produced', produced)
    local bytes = redis.call('HINCRBY', meta, 'bytes', #body)
    while bytes > max_bytes or redis.call('XLEN', stream) > max_events do
      local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
      if not oldest then break end
      redis.call('XDEL', stream, oldest[1])
      bytes = redis.call('HINCRBY', meta, 'bytes', -#oldest[2][2])
    end
    redis.call('EXPIRE', stream, ttl)
    redis.call('PUBLISH', prefix .. 'events',
      epoch .. ' ' .. offset .. ' ' .. produced .. ' ' .. #channel .. ' ' .. channel .. body)
  else
    -- Nobody knows a position that could be recovered from.
    redis.call('DEL', stream)
    redis.call('HSET', meta, 'bytes', 0)
  end
  table.insert(out, channel)
  table.insert(out, event)
  table.insert(out, offset)
  table.insert(out, payload)
  -- Held back by a version that didn't keep it: none.
  table.insert(out, trace or '')
end

local function keys_of(session)
  return prefix .. 'order:' .. session, prefix .. 'held:' .. session, prefix .. 'holes:' .. session
end

-- Publishes what is held from `next` on without a hole.
local function release(session, next, hold)
  local order, held = keys_of(session)
  while true do
    local item = redis.call('HGET', held, whole(next))
    if not item then break end
    redis.call('HDEL', held, whole(next))
    publish(unpack(cmsgpack.unpack(item)))
    next = next + 1
  end
  redis.call('SET', order, whole(next), 'EX', ORDER_TTL)
  if redis.call('EXISTS', held) == 0 then
    redis.call('ZREM', prefix .. 'waiting', session)
  else
    -- Another hole, further on: it gets its own time.
    redis.call('ZADD', prefix .. 'waiting', now_ms() + hold, session)
  end
end

-- Goes on after the hole before the first event that is held.
local function give_up(session, hold)
  local order, held, holes = keys_of(session)
  local first
  for _, sequence in ipairs(redis.call('HKEYS', held)) do
    local number = tonumber(sequence)
    if not first or number < first then first = number end
  end
  if not first then
    redis.call('ZREM', prefix .. 'waiting', session)
    return
  end
  local next = tonumber(redis.call('GET', order) or '1')
  for missing = math.max(next, first - MAX_HOLE), first - 1 do
    redis.call('SADD', holes, whole(missing))
  end
  redis.call('EXPIRE', holes, ORDER_TTL)
  gaps = gaps + 1
  release(session, first, hold)
end

local function accept(session, sequence, hold, first_hold, item)
  local order, held, holes = keys_of(session)
  local known = redis.call('GET', order)
  local next = tonumber(known or '1')
  if sequence < next then
    if redis.call('SREM', holes, whole(sequence)) == 0 then return 'repeat' end
    publish(unpack(item))
    return 'late'
  end
  if sequence > next then
    if redis.call('HSETNX', held, whole(sequence), cmsgpack.pack(item)) == 0 then
      return 'repeat'
    end
    redis.call('EXPIRE', held, ORDER_TTL)
    -- Any other that isn't known yet is most likely under way: there is nothing to wait for.
    local wait = (known or sequence <= NEW) and hold or first_hold
    redis.call('ZADD', prefix .. 'waiting', 'NX', now_ms() + wait, session)
    if redis.call('HLEN', held) > MAX_HELD
      or redis.call('ZCARD', prefix .. 'waiting') > MAX_WAITING then
      give_up(session, hold)
    end
    return 'held'
  end
  publish(unpack(item))
  release(session, next + 1, hold)
  return 'in_order'
end

local verdict = 'in_order'
local what = ARGV[6]
if what == 'session' then
  local item = { ARGV[11], ARGV[12], ARGV[13], ARGV[14], ARGV[15] }
  verdict = accept(ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), item)
elseif what == 'record' then
  -- A record is a repeat if neither its offset nor its time is new. The offset alone would take
  -- the records of a topic that was made anew for repeats.
  local seen = prefix .. 'seen:' .. ARGV[7]
  local last = redis.call('HMGET', seen, 'offset', 'time')
  local offset, time = tonumber(ARGV[8]), tonumber(ARGV[9])
  if last[1] and offset <= tonumber(last[1]) and time <= tonumber(last[2]) then
    verdict = 'repeat'
  else
    redis.call('HSET', seen, 'offset', ARGV[8], 'time', math.max(time, tonumber(last[2] or '0')))
    redis.call('EXPIRE', seen, ORDER_TTL)
    publish(ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14])
  end
else
  local due = redis.call('ZRANGEBYSCORE', prefix .. 'waiting', '-inf', now_ms(), 'LIMIT', 0, 20)
  for _, session in ipairs(due) do
    give_up(session, tonumber(ARGV[7]))
  end
end
return { verdict, gaps, out }
