# Asks pyspf. A request has a zone and checks against it; octets of TXT records
# stand as the characters U+0000 to U+00FF.
import json
import sys

try:
    import spf
except ImportError:
    sys.exit(print("pyspf is not here: apt-get install python3-spf", file=sys.stderr) or 77)

zone = {}


def lookup(name, qtype, strict=True, timeout=20):
    name = name.rstrip(".").lower()
    answer = []
    for _ in range(10):
        node = zone.get(name)
        if node is None:
            return answer
        if qtype in node.get("Faults", ()):
            raise spf.TempError("DNS " + node["Faults"][qtype])
        if node.get("CNAME"):
            answer.append(((name, "CNAME"), node["CNAME"]))
            name = node["CNAME"].rstrip(".").lower()
            continue
        for v in node.get(qtype, ()):
            if qtype == "TXT":
                v = [v.encode("latin-1")]
            elif qtype == "MX":
                v = (v["Preference"], v["Host"])
            answer.append(((name, qtype), v))
        return answer
    raise spf.TempError("DNS loop")


spf.DNSLookup = lookup
for line in sys.stdin:
    request = json.loads(line)
    zone = request["Zone"]
    answers = []
    for c in request["Checks"]:
        try:
            q = spf.query(i=c["IP"], s=c["Sender"], h=c["Helo"])
            result, _, text = q.check()
            reason = "" if result in ("pass", "neutral", "softfail", "fail") else text
            explanation = text if result == "fail" and text != spf.EXPLANATIONS["fail"] else ""
        except Exception as e:  # its own failure is an answer to compare
            result, reason, explanation = "crash", repr(e), ""
        answers.append({"Result": result, "Reason": reason, "Explanation": explanation})
    print(json.dumps(answers), flush=True)
