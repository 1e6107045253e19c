-- The load of benches/compare: requests of random clients, made before the clock starts, so that wrk spends its time on sockets.
--
-- Arguments: how many requests to prepare, how many to pipeline, a seed, how many flooders there are.
-- Every other request comes from one of the flooders, who ask far too often and are denied; the rest come from random
-- clients, each asking less often than once a second, who are allowed. Without flooders, all requests are theirs. So a limiter answers half with 200 and half with 503,
-- whatever its speed, and no server measures only its cheaper branch.

local prepared, next_request = {}, 0

local threads = 0
function setup(thread)
  thread:set("thread_index", threads)
  threads = threads + 1
end

local function one(host, flooders)
  local id
  if flooders then
    id = string.format("f%07x", math.random(1, flooders))
  else
    id = string.format("%08x", math.random(0, 0x7fffffff))
  end
  return "GET /?clientId=" .. id .. " HTTP/1.1\r\nHost: " .. host .. "\r\n\r\n"
end

function init(args)
  local requests, depth, seed, flooders = tonumber(args[1]), tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  math.randomseed(seed * 1000 + thread_index)
  local host = wrk.host .. ":" .. wrk.port
  for i = 1, requests / depth do
    local batch = {}
    for j = 1, depth do
      batch[j] = one(host, flooders > 0 and (i * depth + j) % 2 == 0 and flooders)
    end
    prepared[i] = table.concat(batch)
  end
end

function request()
  next_request = next_request % #prepared + 1
  return prepared[next_request]
end

function done(summary)
  local e = summary.errors
  io.write(string.format(
    "compare: requests=%d duration_us=%d not_2xx=%d connect=%d read=%d write=%d timeout=%d\n",
    summary.requests, summary.duration, e.status, e.connect, e.read, e.write, e.timeout))
end
