-- KEYS: the logs. ARGV: 1 to write nothing, then for each log its limit, tick
-- (microseconds), keep (ticks an event counts), cost, expiry (milliseconds), and 1
-- when it neither denies nor is charged if the cost does not fit.
-- A log is its sum (u32) and its events: tick (56 bits) and units (8 bits) in exact
-- logs, whose tick is 1, else 32 bits each with ticks modulo 2^32.
local byte, sub, char, M = string.byte, string.sub, string.char, 4294967296

-- the age in ticks and the units of the event made of these bytes
local function event(full, exact, a, b, c, d, e, f, g, h)
  if exact then return full - ((((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 256 + g), h end
  local age = (full - (((a * 256 + b) * 256 + c) * 256 + d)) % M
  if age > 2147483648 then age = age - M end
  return age, ((e * 256 + f) * 256 + g) * 256 + h
end
local function u32(v)
  local d = v % 256; v = (v - d) / 256
  local c = v % 256; v = (v - c) / 256
  local b = v % 256
  return (v - b) / 256 % 256, b, c, d
end
local function bytes(tick, n, exact)
  if not exact then
    local a, b, c, d = u32(tick)
    return a, b, c, d, u32(n)
  end
  local low = tick % M
  local d, e, f, g = u32(low)
  local _, a, b, c = u32((tick - low) / M)
  return a, b, c, d, e, f, g, n
end

local t, n = redis.call('TIME'), #KEYS
local now = t[1] * 1000000 + t[2]
local vals = n == 1 and {redis.call('GET', KEYS[1])} or redis.call('MGET', unpack(KEYS))
local ok, out = true, {1, 0, 0, 0, 0}
for i = 1, n do
  local a, s, v = i * 6 - 4, vals[i], false
  local limit, tick, keep, cost = ARGV[a] + 0, ARGV[a+1] + 0, ARGV[a+2] + 0, ARGV[a+3] + 0
  local exact = tick == 1
  local full = (now - now % tick) / tick
  local sum, from, len, wait = 0, 5, 4, 0
  local newest, units, age, m -- age and units of the last event, then of the first one that counts
  if s then
    local b1, b2, b3, b4 = byte(s, 1, 4)
    len, sum = #s, ((b1 * 256 + b2) * 256 + b3) * 256 + b4
    newest, units = event(full, exact, byte(s, -8, -1))
    if newest < 0 then -- the clock is behind the newest event
      if -newest > keep then -- by more than the window: take the log along, or the key waits until the clock has caught up
        local p = {sub(s, 1, 4)}
        for j = 5, len, 8 do
          age, m = event(full, exact, byte(s, j, j + 7))
          p[#p+1] = char(bytes(full - age + newest, m, exact))
        end
        s = table.concat(p)
        redis.call('SET', KEYS[i], s, 'PX', ARGV[a+4])
      else full = full - newest end -- now is when the newest event was
      newest = 0
    end
    age, m = newest, units
    if len > 12 then age, m = event(full, exact, byte(s, 5, 12)) end
    while age >= keep do
      sum = sum - m; from = from + 8
      if from > len then break end
      age, m = event(full, exact, byte(s, from, from + 7))
    end
  end
  local fits = sum + cost <= limit
  if fits then
    if from < len then wait = (full - age + keep) * tick - now
    elseif cost > 0 then wait = (full + keep) * tick - now end
    if cost > 0 then
      local b1, b2, b3, b4 = u32(sum + cost)
      if from > len then v = char(b1, b2, b3, b4, bytes(full, cost, exact))
      elseif newest > 0 then v = char(b1, b2, b3, b4) .. sub(s, from) .. char(bytes(full, cost, exact))
      elseif from > len - 8 then v = char(b1, b2, b3, b4, bytes(full, units + cost, exact))
      else v = char(b1, b2, b3, b4) .. sub(s, from, -9) .. char(bytes(full, units + cost, exact)) end
    end
  else
    if ARGV[a+5] ~= '1' then ok = false end
    if cost <= limit then -- else waiting does not help
      local need = sum + cost - limit
      while from < len do
        age, m = event(full, exact, byte(s, from, from + 7))
        if m >= need then wait = (full - age + keep) * tick - now break end
        need = need - m; from = from + 8
      end
    end
  end
  vals[i] = v
  a = i * 4 - 2
  out[a], out[a+1], out[a+2], out[a+3] = limit - sum, wait, fits and 1 or 0, full
end
if not ok then out[1] = 0 return out end -- nothing is written, no expiry is touched
if ARGV[1] == '1' then return out end
for i = 1, n do
  if vals[i] then
    redis.call('SET', KEYS[i], vals[i], 'PX', ARGV[i*6])
    out[i*4-2] = out[i*4-2] - ARGV[i*6-1]
  end
end
return out
