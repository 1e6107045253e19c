-- wrk's way of pipelining: requests put together before the run, `depth` (the first argument) at a time.
init = function(args)
  local depth, requests = tonumber(args[1]), {}
  for n = 1, depth do requests[n] = wrk.format() end
  batch = table.concat(requests)
end

request = function() return batch end
