-- Compare and swap: writes records, their follow-up tasks and the end of the task that caused them,
-- all or nothing. It compares versions and epochs; it never decides.
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- KEYS[11]    audit    stream of sealed lines
-- KEYS[12]    pulse    hash: process to the time of its last acknowledged write (pulse.lua)
-- KEYS[13..]  records  strings "<version> <body>"
-- ARGV[3]     plan     JSON: now (the writer's time, epoch ms), process?,
--                      claim? { task, epoch, until, fate: "done"|"hold"|"later", ms?, uncounted?, notOurs? },
--                      writes [{ version, body?, keepUntil?, after? }] in the order of KEYS[13..]; without a
--                      body the record goes, and version 0 says that there must be none,
--                      tasks [[at, member]], publish [channel, message]?,
--                      audit [line], auditLength
-- Returns     "written" | "conflict" (a record has another version) | "stale" (the claim was lost)
local plan = cjson.decode(ARGV[3])
local claim = plan.claim

local lease
if claim then
  lease = leaseOf(claim.task)
  -- Given back already (holder "-"): by this very write, when its answer was lost.
  if not lease or lease.epoch ~= claim.epoch or lease.holder == '-' then return 'stale' end
end

for i, write in ipairs(plan.writes) do
  local stored = redis.call('GET', KEYS[12 + i])
  if (stored and string.match(stored, '^%d+') or '0') ~= write.version then return 'conflict' end
end

for i, write in ipairs(plan.writes) do
  local body = write.body and string.format('%d %s', tonumber(write.after or write.version) + 1, write.body)
  if not body then
    redis.call('DEL', KEYS[12 + i])
  elseif write.keepUntil then
    redis.call('SET', KEYS[12 + i], body, 'PXAT', write.keepUntil)
  else
    redis.call('SET', KEYS[12 + i], body)
  end
end

if claim and claim.fate == 'done' then
  -- A click that came meanwhile may have made the same task due again: that one is not done.
  if tonumber(redis.call('ZSCORE', KEYS[1], claim.task) or 0) == claim['until'] then drop(claim.task) end
  redis.call('HDEL', KEYS[2], claim.task)
elseif claim and claim.fate == 'later' then
  if claim.uncounted then lease.attempts = lease.attempts - 1 end
  lease.unable = claim.notOurs and lease.unable + 1 or 0
  lease.holder, lease.deaths = '-', 0
  setLease(claim.task, lease)
  put(claim.task, now + claim.ms)
end

-- After the end of the claimed task, which may come again under its own name.
for _, task in ipairs(plan.tasks) do
  -- Due for the writer is due: its clock may run a moment ahead of this one.
  put(task[2], task[1] <= plan.now and math.min(task[1], now) or task[1])
end

for _, line in ipairs(plan.audit) do
  redis.call('XADD', KEYS[11], 'MAXLEN', '~', plan.auditLength, '*', 'line', line)
end

if plan.process then
  local before = tonumber(redis.call('HGET', KEYS[12], plan.process) or '0')
  redis.call('HSET', KEYS[12], plan.process, string.format('%.0f', math.max(before, plan.now)))
end

if plan.publish then redis.call('PUBLISH', plan.publish[1], plan.publish[2]) end
return 'written'
