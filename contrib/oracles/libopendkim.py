# Asks OpenDKIM's library through its C interface. A request has a message in
# base64 and the texts of key records by name; the answer has one result per
# DKIM-Signature from the top. If the request has Sign, the message is signed
# instead, and the one result's reason is the field.
import base64
import ctypes
import json
import sys

try:
    lib = ctypes.CDLL("libopendkim.so.11")
except OSError:
    sys.exit(print("libopendkim is not here: apt-get install libopendkim11", file=sys.stderr) or 77)

pointer = ctypes.c_void_p
text = ctypes.c_char_p
OK, NOKEY = 0, 3
PASSED, MATCH = 0x04, 0
LOOKUP = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer, ctypes.c_size_t)


def function(name, result, *arguments):
    f = getattr(lib, name)
    f.restype, f.argtypes = result, arguments
    return f


init = function("dkim_init", pointer, pointer, pointer)
set_lookup = function("dkim_set_key_lookup", ctypes.c_int, pointer, LOOKUP)
verify = function("dkim_verify", pointer, pointer, text, pointer, ctypes.POINTER(ctypes.c_int))
sign = function("dkim_sign", pointer, pointer, text, pointer, text, text, text, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_int))
signature = function("dkim_getsighdr_d", ctypes.c_int, pointer, ctypes.c_size_t, ctypes.POINTER(pointer), ctypes.POINTER(ctypes.c_size_t))
chunk = function("dkim_chunk", ctypes.c_int, pointer, pointer, ctypes.c_size_t)
eom = function("dkim_eom", ctypes.c_int, pointer, pointer)
siglist = function("dkim_getsiglist", ctypes.c_int, pointer, ctypes.POINTER(ctypes.POINTER(pointer)), ctypes.POINTER(ctypes.c_int))
process = function("dkim_sig_process", ctypes.c_int, pointer, pointer)
flags = function("dkim_sig_getflags", ctypes.c_uint, pointer)
body_hash = function("dkim_sig_getbh", ctypes.c_int, pointer)
error = function("dkim_sig_geterror", ctypes.c_int, pointer)
error_text = function("dkim_sig_geterrorstr", text, ctypes.c_int)
result_text = function("dkim_getresultstr", text, ctypes.c_int)
domain = function("dkim_sig_getdomain", text, pointer)
selector = function("dkim_sig_getselector", text, pointer)
free = function("dkim_free", ctypes.c_int, pointer)

keys = {}


@LOOKUP
def lookup(_, sig, buffer, size):
    name = (selector(sig) + b"._domainkey." + domain(sig)).decode("latin-1").lower()
    key = keys.get(name)
    if key is None:
        return NOKEY
    key = key.encode("latin-1")[: size - 1] + b"\0"
    ctypes.memmove(buffer, key, len(key))
    return OK


handle = init(None, None)
set_lookup(handle, lookup)


def words(f, code):
    return (f(code) or b"").decode("latin-1")


def check(mail):
    status = ctypes.c_int()
    d = verify(handle, b"case", None, ctypes.byref(status))
    try:
        for part, size in ((mail, len(mail)), (None, 0)):
            code = chunk(d, part, size)
            if code != OK:
                return [{"Result": "message", "Reason": words(result_text, code)}]
        code = eom(d, None)
        sigs, count = ctypes.POINTER(pointer)(), ctypes.c_int()
        if siglist(d, ctypes.byref(sigs), ctypes.byref(count)) != OK:
            return [{"Result": "message", "Reason": words(result_text, code)}]
        answers = []
        for i in range(count.value):
            process(d, sigs[i])
            good = flags(sigs[i]) & PASSED and body_hash(sigs[i]) == MATCH and error(sigs[i]) == OK
            answers.append({"Result": "pass" if good else "fail", "Reason": "" if good else words(error_text, error(sigs[i]))})
        return answers
    finally:
        free(d)


def make(mail, s):
    status = ctypes.c_int()
    forms = {"simple": 0, "relaxed": 1}
    algorithm = {"rsa-sha256": 1, "ed25519-sha256": 2}[s["Algorithm"]]
    d = sign(handle, b"case", None, s["PEM"].encode(), s["Selector"].encode(), b"example.org",
             forms[s["Header"]], forms[s["Body"]], algorithm, -1, ctypes.byref(status))
    if not d:
        return [{"Result": "unsigned", "Reason": words(result_text, status.value)}]
    try:
        for code in (chunk(d, mail, len(mail)), chunk(d, None, 0), eom(d, None)):
            if code != OK:
                return [{"Result": "unsigned", "Reason": words(result_text, code)}]
        buffer, size = pointer(), ctypes.c_size_t()
        code = signature(d, len("DKIM-Signature: "), ctypes.byref(buffer), ctypes.byref(size))
        if code != OK:
            return [{"Result": "unsigned", "Reason": words(result_text, code)}]
        return [{"Result": "signed", "Reason": "DKIM-Signature: " + ctypes.string_at(buffer, size.value).decode("latin-1") + "\r\n"}]
    finally:
        free(d)


for line in sys.stdin:
    request = json.loads(line)
    keys = request["Keys"]
    mail = base64.b64decode(request["Mail"])
    print(json.dumps(make(mail, request["Sign"]) if request.get("Sign") else check(mail)), flush=True)
