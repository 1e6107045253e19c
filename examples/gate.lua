-- Asks tollgate about a request. Sets txn.gate_status to what it answered (0: nothing), txn.gate_retry_after and txn.gate_ratelimit.

local GATE = "http://127.0.0.1:8080/check/haproxy"
-- Fields of the client's request that name it; only these are passed on.
local PASSED_ON = { "x-api-key", "cookie" }
local TIMEOUT_MS = 500 -- longer than max-delay, if a leaky bucket holds requests back

core.register_action("gate", { "http-req" }, function(txn)
    local headers = {
        -- What the client asked for, and where it is, whatever it says itself.
        ["x-original-uri"] = { txn.sf:pathq() },
        ["x-forwarded-for"] = { txn.sf:src() },
    }
    local sent = txn.http:req_get_headers()
    for _, name in ipairs(PASSED_ON) do
        if sent[name] then
            local lines = {}
            for _, line in pairs(sent[name]) do
                table.insert(lines, line)
            end
            headers[name] = lines
        end
    end
    local answer = core.httpclient():get { url = GATE, headers = headers, timeout = TIMEOUT_MS }
    local function field(name)
        local lines = answer and answer.headers and answer.headers[name]
        return lines and lines[0] or ""
    end
    txn:set_var("txn.gate_status", answer and answer.status or 0)
    txn:set_var("txn.gate_retry_after", field("retry-after"))
    txn:set_var("txn.gate_ratelimit", field("ratelimit"))
end, 0)
