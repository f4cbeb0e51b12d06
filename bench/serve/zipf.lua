-- zipf.lua: requests of one node each for wrk, ids by Zipf's law over a seeded permutation.
--
--   wrk -t1 -c16 -d10s --latency -s zipf.lua URL -- nodes=N [model=sage] [outputs=logits,class]
--       [exponent=1.0] [seed=1]
--
-- Ends in one line: "zipf " and a JSON object with requests, microseconds, latencies in microseconds and
-- errors (status: answers of 400 or more). Draws cost a constant time (Walker's alias table).
local ffi = require("ffi")

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

local num_nodes, keep, other, id_of
local head, tail = {}, ""

local function build_permutation()
    id_of = ffi.new("int32_t[?]", num_nodes)
    for i = 0, num_nodes - 1 do id_of[i] = i end
    for i = num_nodes - 1, 1, -1 do
        local j = math.random(0, i)
        id_of[i], id_of[j] = id_of[j], id_of[i]
    end
end

local function build_alias(exponent)
    keep = ffi.new("double[?]", num_nodes)
    other = ffi.new("int32_t[?]", num_nodes)
    local sum = 0
    for i = 0, num_nodes - 1 do
        keep[i] = (i + 1) ^ -exponent
        sum = sum + keep[i]
    end
    local small, large = {}, {}
    for i = 0, num_nodes - 1 do
        keep[i] = keep[i] * num_nodes / sum
        other[i] = i
        if keep[i] < 1 then small[#small + 1] = i else large[#large + 1] = i end
    end
    while #small > 0 and #large > 0 do
        local s, l = small[#small], large[#large]
        small[#small] = nil
        other[s] = l
        keep[l] = keep[l] - (1 - keep[s])
        if keep[l] < 1 then
            large[#large] = nil
            small[#small + 1] = l
        end
    end
    for _, i in ipairs(small) do keep[i] = 1 end
    for _, i in ipairs(large) do keep[i] = 1 end
end

local function build_texts(model, outputs)
    local before = '{"inputs":[{"name":"node_ids","shape":[1],"datatype":"INT64","data":['
    local names = {}
    for name in outputs:gmatch("[^,]+") do names[#names + 1] = '{"name":"' .. name .. '"}' end
    tail = "]}]"
    if #names > 0 then tail = tail .. ',"outputs":[' .. table.concat(names, ",") .. "]" end
    tail = tail .. "}"
    for digits = 1, 10 do
        head[digits] = "POST /v2/models/" .. model .. "/infer HTTP/1.1\r\nHost: " .. wrk.host ..
            "\r\nContent-Type: application/json\r\nContent-Length: " ..
            #before + digits + #tail .. "\r\n\r\n" .. before
    end
end

function init(args)
    local given = { model = "sage", outputs = "logits", exponent = "1", seed = "1" }
    for _, word in ipairs(args) do
        local name, value = word:match("^(%w+)=(.*)$")
        if name then given[name] = value end
    end
    num_nodes = tonumber(given.nodes) or error("nodes=N is needed")
    math.randomseed(tonumber(given.seed))
    build_permutation() -- the same in every thread and for every rival
    build_alias(tonumber(given.exponent))
    build_texts(given.model, given.outputs)
    math.randomseed(tonumber(given.seed) * 1000 + 1 + (thread_number or 0))
end

function request()
    local i = math.random(0, num_nodes - 1)
    if math.random() >= keep[i] then i = other[i] end
    local id = tostring(tonumber(id_of[i]))
    return head[#id] .. id .. tail
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'zipf {"requests":%d,"us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"p999_us":%d,"max_us":%d,' ..
        '"errors":{"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
        summary.requests, summary.duration, summary.bytes, latency:percentile(50),
        latency:percentile(99), latency:percentile(99.9), latency.max, errors.status,
        errors.connect, errors.read, errors.write, errors.timeout))
end
