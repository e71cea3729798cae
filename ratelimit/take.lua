local byte, sub, char, M = string.byte, string.sub, string.char, 4294967296
local function u32(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end
local function p32(v)
  local d = v % 256; v = (v - d) / 256
  local c = v % 256; v = (v - c) / 256
  local b = v % 256; v = (v - b) / 256
  return char(v % 256, b, c, d)
end
local t, n, dry = redis.call('TIME'), #KEYS, ARGV[1] == '1'
local now = t[1] * 1000000 + t[2]
local vals = n == 1 and {redis.call('GET', KEYS[1])} or redis.call('MGET', unpack(KEYS))
local ok, out, state = true, {1}, {}
for i = 1, n do
  local a = i * 6 - 4
  local limit, tick, span, cost = tonumber(ARGV[a]), tonumber(ARGV[a+1]), tonumber(ARGV[a+2]), tonumber(ARGV[a+3])
  local full = math.floor(now / tick)
  local cur, s, sum, from, len, wait, merge = full % M, vals[i], 0, 5, 4, 0, false
  if s then
    len, sum = #s, u32(s, 1)
    local d = (cur - u32(s, len - 7)) % M
    if d > 2147483648 then -- the clock is behind the newest event
      d = M - d
      if d > span then -- by more than the window: bring the log back to now, or the key waits until the clock has caught up
        local p = {sub(s, 1, 4)}
        for j = 5, len, 8 do p[#p+1] = p32((u32(s, j) - d + 1) % M) .. sub(s, j + 4, j + 7) end
        s = table.concat(p); vals[i] = s; d = 1
        redis.call('SET', KEYS[i], s, 'PX', ARGV[a+4])
      end
      full = full + d; cur = (cur + d) % M; d = 0 -- now is when the newest event was
    end
    if d > span then sum, from = 0, len + 1
    else
      merge = d == 0
      while from < len and (cur - u32(s, from)) % M > span do sum = sum - u32(s, from + 4); from = from + 8 end
    end
  end
  local fits = sum + cost <= limit
  local f = from
  if not fits then
    if ARGV[a+5] == '0' then ok = false end
    local need = sum + cost - limit
    while f < len and u32(s, f + 4) < need do need = need - u32(s, f + 4); f = f + 8 end
    if cost > limit then f = len end -- waiting does not help
  end
  if f < len then wait = (full - (cur - u32(s, f)) % M + span + 1) * tick - now
  elseif fits and cost > 0 then wait = (full + span + 1) * tick - now end
  out[i*4-2], out[i*4-1], out[i*4], out[i*4+1] = limit - sum, wait, fits and 1 or 0, cur
  state[i] = {sum, from, cur, cost, merge, fits}
end
if not ok then out[1] = 0 end
if not ok or dry then return out end -- nothing is written, no expiry is touched
for i = 1, n do
  local x, s, v = state[i], vals[i], nil
  local cost = x[4]
  if cost > 0 and x[6] then
    if not s or x[2] > #s then v = p32(cost) .. p32(x[3]) .. p32(cost)
    elseif x[5] then v = p32(x[1] + cost) .. sub(s, x[2], -5) .. p32(u32(s, #s - 3) + cost)
    else v = p32(x[1] + cost) .. sub(s, x[2]) .. p32(x[3]) .. p32(cost) end
    redis.call('SET', KEYS[i], v, 'PX', ARGV[i*6])
    out[i*4-2] = out[i*4-2] - cost
  end
end
return out
