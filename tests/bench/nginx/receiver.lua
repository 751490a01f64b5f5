-- A webhook receiver in Lua, doing hookgate's job: signature, timestamp, event id, then one script in Redis that drops
-- a duplicate or adds the event to a stream, then the answer.
--
-- Tuned as its author would for production: OpenSSL by FFI with the key set up once, comparison in constant time, pooled
-- connections to Redis, EVALSHA, the body never split or copied to disk.

local ffi = require "ffi"
local json = require "cjson"
local redis = require "nginx.redis"

ffi.cdef [[
typedef struct hmac_ctx_st HMAC_CTX;
HMAC_CTX *HMAC_CTX_new(void);
int HMAC_Init_ex(HMAC_CTX *ctx, const void *key, int len, const void *md, void *engine);
int HMAC_Update(HMAC_CTX *ctx, const char *data, size_t len);
int HMAC_Final(HMAC_CTX *ctx, unsigned char *md, unsigned int *len);
const void *EVP_sha256(void);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
unsigned char *ngx_hex_dump(unsigned char *dst, unsigned char *src, size_t len);
]]

local crypto = ffi.C
local now, exit = ngx.now, ngx.exit

local TOLERANCE = 300
local WINDOW = 3 * 24 * 3600
local REDIS_PORT = tonumber(os.getenv("BENCH_REDIS_PORT"))

local SCRIPT = [[
if redis.call('SET', KEYS[1], '', 'NX', 'EX', ARGV[1]) then
	return redis.call('XADD', KEYS[2], '*', 'id', ARGV[2], 'source', ARGV[3], 'type', ARGV[4], 'time', ARGV[5], 'data', ARGV[6])
end
return false
]]
-- Known from the first delivery of the worker on.
local script_sha

local function keyed(secret)
	local context = crypto.HMAC_CTX_new()
	assert(crypto.HMAC_Init_ex(context, secret, #secret, crypto.EVP_sha256(), nil) == 1)
	return context
end

local stripe_mac = keyed(os.getenv("BENCH_STRIPE_SECRET"))
local github_mac = keyed(os.getenv("BENCH_GITHUB_SECRET"))
local digest, digest_hex = ffi.new("unsigned char[32]"), ffi.new("unsigned char[64]")

local function mac_of(context, prefix, body)
	crypto.HMAC_Init_ex(context, nil, 0, nil, nil)
	crypto.HMAC_Update(context, prefix, #prefix)
	crypto.HMAC_Update(context, body, #body)
	crypto.HMAC_Final(context, digest, nil)
	crypto.ngx_hex_dump(digest_hex, digest, 32)
end

local function is_mac(text)
	return #text == 64 and crypto.CRYPTO_memcmp(digest_hex, text, 64) == 0
end

local function answer(status, outcome)
	local text = '{"status":"' .. outcome .. '"}'
	ngx.status = status
	ngx.header["Content-Length"] = #text
	ngx.print(text)
	return exit(status)
end

local function put(route, id, kind, body)
	local link = redis:new()
	link:set_timeout(2000)
	local ok, problem = link:connect("127.0.0.1", REDIS_PORT)
	if not ok then
		return nil, problem
	end
	if not script_sha then
		script_sha, problem = link:script("load", SCRIPT)
		if not script_sha then
			return nil, problem
		end
	end
	local tag = "bench:{" .. route .. "}:"
	local reply
	reply, problem = link:evalsha(script_sha, 2, tag .. "seen:" .. id, tag .. "events", WINDOW, id, "/hooks/" .. route, kind,
		now(), body)
	if not reply and problem and problem:find("NOSCRIPT", 1, true) then
		reply, problem = link:eval(SCRIPT, 2, tag .. "seen:" .. id, tag .. "events", WINDOW, id, "/hooks/" .. route, kind,
			now(), body)
	end
	if not reply then
		link:close()
		return nil, problem
	end
	link:set_keepalive()
	return reply
end

local function store(route, id, kind, body)
	local reply, problem = put(route, id, kind, body)
	if not reply then
		ngx.log(ngx.ERR, "redis: ", problem)
		return answer(503, "store_unavailable")
	end
	return answer(200, reply == ngx.null and "duplicate" or "accepted")
end

local receiver = {}

function receiver.stripe()
	ngx.req.read_body()
	local body, header = ngx.req.get_body_data(), ngx.var.http_stripe_signature
	if not body or not header then
		return answer(401, "signature_missing")
	end
	local stamp = header:match("t=(%d+)")
	if not stamp then
		return answer(401, "signature_missing")
	end
	mac_of(stripe_mac, stamp .. ".", body)
	local matched = false
	for signature in header:gmatch("v1=(%x+)") do
		matched = is_mac(signature) or matched
	end
	if not matched then
		return answer(401, "signature_mismatch")
	end
	if math.abs(now() - tonumber(stamp)) > TOLERANCE then
		return answer(401, "timestamp_out_of_tolerance")
	end
	local fine, event = pcall(json.decode, body)
	if not fine or type(event) ~= "table" or type(event.id) ~= "string" then
		return answer(400, "event_id_missing")
	end
	return store("stripe", event.id, event.type or "", body)
end

function receiver.github()
	ngx.req.read_body()
	local body, header = ngx.req.get_body_data(), ngx.var.http_x_hub_signature_256
	if not body or not header or header:sub(1, 7) ~= "sha256=" then
		return answer(401, "signature_missing")
	end
	mac_of(github_mac, "", body)
	if not is_mac(header:sub(8)) then
		return answer(401, "signature_mismatch")
	end
	local id = ngx.var.http_x_github_delivery
	if not id then
		return answer(400, "event_id_missing")
	end
	return store("github", id, ngx.var.http_x_github_event or "", body)
end

return receiver
