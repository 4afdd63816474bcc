# Asks dkimpy. A request has a message in base64 and the texts of key records by
# name; the answer has one result per DKIM-Signature from the top. If the request
# has Sign, the message is signed instead, and the one result's reason is the
# field. If it has Chain, the one result is that of the ARC chain.
import base64
import json
import sys

try:
    import dkim
    import nacl.signing
except ImportError:
    sys.exit(print("dkimpy is not here: apt-get install python3-dkim python3-nacl", file=sys.stderr) or 77)


def lookup(keys):
    def txt(name, timeout=5):
        key = keys.get(name.decode("latin-1").rstrip(".").lower())
        return key.encode("latin-1") if key is not None else None

    return txt


def chain(mail, keys):
    try:
        cv, _, reason = dkim.ARC(mail).verify(dnsfunc=lookup(keys))
    except Exception as e:  # its own failure is an answer to compare
        return {"Result": "crash", "Reason": repr(e)}
    # A chain that a seal has ended has no result of its own.
    return {"Result": (cv or b"fail").decode("latin-1"), "Reason": reason}


def verify(mail, idx, keys):
    errors = []

    class Logger:
        def error(self, *a):
            errors.append(str(a[0]))

        def debug(self, *a):
            pass

        info = warning = debug

    d = dkim.DKIM(mail, logger=Logger())
    if d.verify(idx=idx, dnsfunc=lookup(keys)):
        return {"Result": "pass", "Reason": ""}
    return {"Result": "fail", "Reason": "; ".join(errors)}


def sign(mail, s):
    key = s["Seed"] if s["Algorithm"] == "ed25519-sha256" else s["PEM"]
    try:
        field = dkim.DKIM(mail).sign(
            s["Selector"].encode(), b"example.org", key.encode(), signature_algorithm=s["Algorithm"].encode(),
            canonicalize=(s["Header"].encode(), s["Body"].encode()), length=s["Length"])
    except dkim.DKIMException as e:
        return {"Result": "unsigned", "Reason": repr(e)}
    return {"Result": "signed", "Reason": field.decode("latin-1")}


for line in sys.stdin:
    request = json.loads(line)
    mail = base64.b64decode(request["Mail"])
    if request.get("Sign"):
        print(json.dumps([sign(mail, request["Sign"])]), flush=True)
        continue
    if request.get("Chain"):
        print(json.dumps([chain(mail, request["Keys"])]), flush=True)
        continue
    answers = []
    try:
        count = sum(1 for n, _ in dkim.rfc822_parse(mail)[0] if n.lower() == b"dkim-signature")
    except Exception as e:
        count, answers = 0, [{"Result": "crash", "Reason": repr(e)}]
    for i in range(count):
        try:
            answers.append(verify(mail, i, request["Keys"]))
        except dkim.DKIMException as e:
            answers.append({"Result": "permerror", "Reason": str(e)})
        except Exception as e:  # its own failure is an answer to compare
            answers.append({"Result": "crash", "Reason": repr(e)})
    print(json.dumps(answers), flush=True)
