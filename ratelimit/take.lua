-- KEYS: the logs. ARGV: 1 to write nothing, then for each log its limit, tick
-- (microseconds), keep (ticks an event counts), cost, expiry (milliseconds), and 1
-- when it neither denies nor is charged if the cost does not fit.
-- A log is its sum (u32) and its events: tick (56 bits) and units (8 bits) in exact
-- logs, whose tick is 1, else 32 bits each with ticks modulo 2^32.
local byte, sub, char, floor, M = string.byte, string.sub, string.char, math.floor, 4294967296
local function u32(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end
local function u56(s, i)
  local a, b, c = byte(s, i, i + 2)
  return ((a * 256 + b) * 256 + c) * M + u32(s, i + 3)
end
local function p32(v)
  local d = v % 256; v = (v - d) / 256
  local c = v % 256; v = (v - c) / 256
  local b = v % 256; v = (v - b) / 256
  return char(v % 256, b, c, d)
end
local function event(exact, tick, n)
  if not exact then return p32(tick % M) .. p32(n) end
  return sub(p32(floor(tick / M)), 2) .. p32(tick % M) .. char(n)
end
local function units(exact, s, i)
  if exact then return byte(s, i + 7) end
  return u32(s, i + 4)
end
local function age(exact, full, s, i)
  if exact then return full - u56(s, i) end
  local a = (full - u32(s, i)) % M
  if a > 2147483648 then a = a - M end
  return a
end

local t, n, dry = redis.call('TIME'), #KEYS, ARGV[1] == '1'
local now = t[1] * 1000000 + t[2]
local vals = n == 1 and {redis.call('GET', KEYS[1])} or redis.call('MGET', unpack(KEYS))
local ok, out, state = true, {1}, {}
for i = 1, n do
  local a = i * 6 - 4
  local limit, tick, keep, cost = tonumber(ARGV[a]), tonumber(ARGV[a+1]), tonumber(ARGV[a+2]), tonumber(ARGV[a+3])
  local exact = tick == 1
  local full, s, sum, from, len, wait, merge = floor(now / tick), vals[i], 0, 5, 4, 0, false
  if s then
    len, sum = #s, u32(s, 1)
    local behind = -age(exact, full, s, len - 7)
    if behind > keep then -- the clock went back by more than the window: take the log along, or the key waits until the clock has caught up
      local p = {sub(s, 1, 4)}
      for j = 5, len, 8 do
        p[#p+1] = event(exact, full - age(exact, full, s, j) - behind, units(exact, s, j))
      end
      s = table.concat(p); vals[i] = s; behind = 0
      redis.call('SET', KEYS[i], s, 'PX', ARGV[a+4])
    end
    if behind > 0 then full = full + behind; behind = 0 end -- now is when the newest event was
    while from < len and age(exact, full, s, from) >= keep do
      sum = sum - units(exact, s, from); from = from + 8
    end
    merge = from < len and age(exact, full, s, len - 7) == 0
  end
  local fits = sum + cost <= limit
  local f = from
  if not fits then
    if ARGV[a+5] ~= '1' then ok = false end
    local need = sum + cost - limit
    while f < len and units(exact, s, f) < need do need = need - units(exact, s, f); f = f + 8 end
    if cost > limit then f = len end -- waiting does not help
  end
  if f < len then wait = (full - age(exact, full, s, f) + keep) * tick - now
  elseif fits and cost > 0 then wait = (full + keep) * tick - now end
  out[i*4-2], out[i*4-1], out[i*4], out[i*4+1] = limit - sum, wait, fits and 1 or 0, full
  state[i] = {sum, from, full, cost, merge, fits, exact}
end
if not ok then out[1] = 0 end
if not ok or dry then return out end -- nothing is written, no expiry is touched
for i = 1, n do
  local sum, from, full, cost, merge, fits, exact = unpack(state[i])
  local s = vals[i]
  if cost > 0 and fits then
    local v
    if merge then v = sub(s, from, -9) .. event(exact, full, units(exact, s, #s - 7) + cost)
    else v = (s and sub(s, from) or '') .. event(exact, full, cost) end
    redis.call('SET', KEYS[i], p32(sum + cost) .. v, 'PX', ARGV[i*6])
    out[i*4-2] = out[i*4-2] - cost
  end
end
return out
