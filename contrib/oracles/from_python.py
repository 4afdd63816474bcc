# Asks Python's email package for the author in a From field. A request is the
# field's body in base64, an answer the addresses of each reader, in base64.
# The request null asks for the readers.
import base64
import email
import email.header
import email.policy
import email.utils
import json
import signal
import sys


def compat(raw):
    return [str(v) for v in email.message_from_bytes(raw, policy=email.policy.compat32).get_all("From", [])]


def decoded(value):
    text = []
    for part, charset in email.header.decode_header(value):
        if isinstance(part, bytes):
            try:
                part = part.decode(charset or "ascii", "replace")
            except LookupError:  # as most programs go on
                part = part.decode("latin-1")
        text.append(part)
    return "".join(text)


def first(values):
    return [email.utils.parseaddr(v)[1] for v in values[:1]]


def every(values):
    return [address for _, address in email.utils.getaddresses(values)]


def modern(raw):
    return email.message_from_bytes(raw, policy=email.policy.default).get_all("From", [])


def structured(raw):
    return [a.username + "@" + a.domain for field in modern(raw) for a in field.addresses if a.domain]


version = sys.version.split()[0]
readers = [
    ("parseaddr", False, lambda raw: first(compat(raw))),
    ("getaddresses", False, lambda raw: every(compat(raw))),
    ("getaddresses after decode_header", True, lambda raw: every([decoded(v) for v in compat(raw)])),
    ("policy.default", False, structured),
    ("parseaddr of policy.default's text", True, lambda raw: first([str(v) for v in modern(raw)])),
]


class Slow(Exception):
    pass


def late(*_):
    raise Slow


signal.signal(signal.SIGALRM, late)


def ask(read, raw):
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        found = read(raw)
    except Exception:  # a reader that fails shows no author
        found = []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [base64.b64encode(a.encode("utf-8", "surrogateescape")).decode() for a in found if a]


for line in sys.stdin:
    request = json.loads(line)
    if request is None:
        answer = [{"Name": "Python " + name, "Version": version, "Decodes": decodes} for name, decodes, _ in readers]
    else:
        raw = b"From:" + base64.b64decode(request) + b"\r\nSubject: x\r\n\r\nx\r\n"
        answer = [ask(read, raw) for _, _, read in readers]
    print(json.dumps(answer), flush=True)
