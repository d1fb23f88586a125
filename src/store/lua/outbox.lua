-- What every script of the outbox begins with: Redis' own time, and how a task is put among the due
-- ones and taken away again. `due` is the truth. A lane is an index of what is due of one kind, so that
-- a backlog in one lane costs the others nothing; file.lua mends it after whoever knows of no lanes.
--
-- KEYS[1]     due     sorted set: "<change>:<task>" by due time (epoch ms)
-- KEYS[2]     leases  hash: "<change>:<task>" to "<epoch> <attempts> <holder> <unable> <deaths>"
-- KEYS[3]     epoch   the last one
-- KEYS[4]     parked  sorted set: "<change>:<task>" by the time it was parked (epoch ms)
-- KEYS[5]     whys    hash: "<change>:<task>" to why it was parked
-- KEYS[6..10] lanes   sorted sets like `due`: what of it is due within a minute, in the order of lanes.ts
-- ARGV[1]     shift   ms to add to TIME: 0, but in tests that pass time
-- ARGV[2]     lanes   JSON: the first part of a task's name to the place of its lane among the KEYS
-- Returns     nothing: the script that follows does
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + math.floor(ARGV[1])
local lanes = cjson.decode(ARGV[2])
local SOON = 60000

local function laneOf(member)
  local kind = string.match(member, '^[^:]+:([^:.]+)')
  return KEYS[kind and lanes[kind] or 10]
end

local function put(member, at)
  redis.call('ZADD', KEYS[1], string.format('%.0f', at), member)
  if at <= now + SOON then
    redis.call('ZADD', laneOf(member), string.format('%.0f', at), member)
  else
    redis.call('ZREM', laneOf(member), member)
  end
end

local function drop(member)
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZREM', laneOf(member), member)
end

local function leaseOf(member)
  local lease = redis.call('HGET', KEYS[2], member)
  if not lease then return nil end
  local epoch, attempts, holder, unable, deaths =
    string.match(lease, '^(%d+) (%d+) (%S+) ?(%d*) ?(%d*)$')
  if not epoch then return nil end
  return {
    epoch = epoch,
    attempts = tonumber(attempts),
    holder = holder,
    unable = tonumber(unable) or 0,
    deaths = tonumber(deaths) or 0,
  }
end

local function setLease(member, lease)
  redis.call('HSET', KEYS[2], member, string.format('%s %d %s %d %d',
    lease.epoch, lease.attempts, lease.holder, lease.unable, lease.deaths))
end

