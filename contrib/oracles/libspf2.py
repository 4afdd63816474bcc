# Asks libspf2, which knows RFC 4408, through its C interface. A request has a
# zone and checks against it; octets of TXT records stand as the characters
# U+0000 to U+00FF.
import ctypes
import ipaddress
import json
import sys

try:
    lib = ctypes.CDLL("libspf2.so.2")
except OSError:
    sys.exit(print("libspf2 is not here: apt-get install libspf2-2", file=sys.stderr) or 77)

RESULTS = ("invalid", "neutral", "pass", "fail", "softfail", "none", "temperror", "permerror")
TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
SUCCESS, HOST_NOT_FOUND, TRY_AGAIN, NO_DATA = 0, 1, 2, 4

pointer = ctypes.c_void_p


def function(name, result, *arguments):
    f = getattr(lib, name)
    f.restype, f.argtypes = result, arguments
    return f


text = ctypes.c_char_p
zone_new = function("SPF_dns_zone_new", pointer, pointer, text, ctypes.c_int)
zone_add = function("SPF_dns_zone_add_str", ctypes.c_int, pointer, text, ctypes.c_int, ctypes.c_int, text)
server_new = function("SPF_server_new_dns", pointer, pointer, ctypes.c_int)
server_free = function("SPF_server_free", None, pointer)
receiver = function("SPF_server_set_rec_dom", ctypes.c_int, pointer, text)
request_new = function("SPF_request_new", pointer, pointer)
request_free = function("SPF_request_free", None, pointer)
set_ipv4 = function("SPF_request_set_ipv4_str", ctypes.c_int, pointer, text)
set_ipv6 = function("SPF_request_set_ipv6_str", ctypes.c_int, pointer, text)
set_helo = function("SPF_request_set_helo_dom", ctypes.c_int, pointer, text)
set_sender = function("SPF_request_set_env_from", ctypes.c_int, pointer, text)
query = function("SPF_request_query_mailfrom", ctypes.c_int, pointer, ctypes.POINTER(pointer))
result_of = function("SPF_response_result", ctypes.c_int, pointer)
errors_of = function("SPF_response_errors", ctypes.c_int, pointer)
messages_of = function("SPF_response_messages", ctypes.c_int, pointer)
message_of = function("SPF_response_message", pointer, pointer, ctypes.c_int)
message_text = function("SPF_error_message", text, pointer)
response_free = function("SPF_response_free", None, pointer)


def build(zone):
    dns = zone_new(None, b"zone", 0)
    for name in zone:
        for qtype, number in TYPES.items():
            owner, node = name, zone[name]
            for _ in range(10):
                if node is None or not node.get("CNAME"):
                    break
                node = zone.get(node["CNAME"].lower())
            if node is None:
                continue  # as what is not there
            if qtype in node.get("Faults", ()):
                zone_add(dns, owner.encode("latin-1"), number, TRY_AGAIN, None)
                continue
            values = node.get(qtype, ())
            if qtype == "MX":
                values = [v["Host"] for v in values]
            for v in values:
                zone_add(dns, owner.encode("latin-1"), number, SUCCESS, v.encode("latin-1"))
            if not values:
                zone_add(dns, owner.encode("latin-1"), number, NO_DATA, None)
    return dns


def check(server, c):
    r = request_new(server)
    ip = ipaddress.ip_address(c["IP"])
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    (set_ipv4 if ip.version == 4 else set_ipv6)(r, str(ip).encode())
    set_helo(r, c["Helo"].encode("latin-1"))
    if c["Sender"]:
        set_sender(r, c["Sender"].encode("latin-1"))
    response = pointer()
    query(r, ctypes.byref(response))
    words = []
    for i in range(messages_of(response)):
        m = message_text(message_of(response, i))
        words.append((m or b"").decode("latin-1"))
    result = RESULTS[result_of(response)]
    if result == "invalid" and any(w.startswith("Temporary DNS failure") for w in words):
        result = "temperror"
    if result == "invalid" and "Failed to compile SPF record for" in words[-1]:
        result = "permerror"  # as it is in an included record
    response_free(response)
    request_free(r)
    return {"Result": result, "Reason": "; ".join(words), "Explanation": ""}


for line in sys.stdin:
    request = json.loads(line)
    server = server_new(build(request["Zone"]), 0)
    receiver(server, b"unknown")
    print(json.dumps([check(server, c) for c in request["Checks"]]), flush=True)
    server_free(server)
