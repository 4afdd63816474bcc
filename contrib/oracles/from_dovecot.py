# Asks Dovecot's IMAP server for the author in a From field: the ENVELOPE that
# every client gets. A request is the field's body in base64, an answer the
# addresses, in base64. The request null asks for the readers. The server is a
# child over pipes; it has a mailbox of its own in a temporary folder.
import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile

IMAP, DOVECONF = "/usr/lib/dovecot/imap", "/usr/bin/doveconf"
if not (os.path.exists(IMAP) and os.path.exists(DOVECONF)):
    sys.exit(print("Dovecot's IMAP is not here: apt-get install dovecot-core dovecot-imapd", file=sys.stderr) or 77)

# Dovecot touches no mail as root.
user, group = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
folder = tempfile.mkdtemp(prefix="postvet-dovecot-")
for path in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
    os.makedirs(os.path.join(folder, path), exist_ok=True)
    os.chown(os.path.join(folder, path), user, group)
config = os.path.join(folder, "dovecot.conf")
with open(config, "w") as f:
    f.write(f"""
mail_location = maildir:{folder}/Maildir
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
base_dir = {folder}
log_path = {folder}/log
stats_writer_socket_path =
ssl = no
""")
version = subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True, text=True).stdout.split()[0]
server = subprocess.Popen([IMAP, "-c", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
                          env={"PATH": "/usr/bin:/bin", "HOME": folder, "USER": "postvet", "CONFIG_FILE": config})


def log():
    path = os.path.join(folder, "log")
    return open(path).read() if os.path.exists(path) else "no log"


def reply():
    """Returns the next reply line, with literals as quoted strings."""
    line = server.stdout.readline()
    if not line:
        raise SystemExit("Dovecot ended: " + log())
    out = []
    while True:
        literal = re.search(rb"\{(\d+)\}\r\n$", line)
        if not literal:
            out.append(line)
            return b"".join(out)
        text = server.stdout.read(int(literal[1]))
        out += [line[:literal.start()], b'"', re.sub(rb'(["\\])', rb"\\\1", text), b'"']
        line = server.stdout.readline()


def command(text):
    server.stdin.write(b"x " + text + b"\r\n")
    server.stdin.flush()
    replies = []
    while True:
        line = reply()
        if line.startswith(b"x "):
            if not line.startswith(b"x OK"):
                raise SystemExit(repr(line))
            return replies
        replies.append(line)


TOKEN = re.compile(rb'\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+))', re.S)


def parse(text):
    """Returns the lists of a reply."""
    stack = [[]]
    for m in TOKEN.finditer(text):
        if m[1] == b"(":
            stack.append([])
        elif m[1] == b")":
            done = stack.pop()
            stack[-1].append(done)
        elif m[2] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m[2], flags=re.S))
        else:
            stack[-1].append(None if m[3] == b"NIL" else m[3])
    return stack[0]


count = 0


def addresses(fields):
    """Returns the addresses in the From field of each of the messages."""
    global count
    new, begun = os.path.join(folder, "Maildir", "new"), count
    for field in fields:
        count += 1
        with open(os.path.join(new, "%010d.x.host" % count), "wb") as f:
            f.write(b"X-Count: %d\r\nFrom:" % count + field + b"\r\nSubject: x\r\n\r\nx\r\n")
    command(b"NOOP")
    found = [[] for _ in fields]
    for line in command(b"FETCH 1:* (ENVELOPE BODY.PEEK[HEADER.FIELDS (X-COUNT)])"):
        if b" FETCH (" not in line:
            continue
        items = parse(line)[3]
        number = int(re.search(rb"X-Count: (\d+)", items[-1])[1])
        for name, route, mailbox, host in items[items.index(b"ENVELOPE") + 1][2] or []:
            if mailbox and host and host not in (b"MISSING_DOMAIN", b"SYNTAX_ERROR"):
                found[number - begun - 1].append(base64.b64encode(mailbox + b"@" + host).decode())
    command(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    command(b"EXPUNGE")
    return found


def lines():
    """Yields what stands ready on the standard input, as lists of lines."""
    rest = b""
    while True:
        block = os.read(0, 1 << 16)
        if not block:
            return
        rest += block
        while len(rest) < 1 << 20 and select.select([0], [], [], 0)[0]:
            block = os.read(0, 1 << 16)
            if not block:
                break
            rest += block
        *whole, rest = rest.split(b"\n")
        if whole:
            yield [json.loads(line) for line in whole]


try:
    if not server.stdout.readline().startswith(b"* PREAUTH"):
        raise SystemExit("Dovecot does not begin: " + log())
    command(b"SELECT INBOX")
    for requests in lines():
        found = iter(addresses([base64.b64decode(r) for r in requests if r is not None]) if any(r is not None for r in requests) else [])
        for r in requests:
            print(json.dumps([{"Name": "Dovecot ENVELOPE", "Version": version, "Decodes": False}] if r is None else [next(found)]))
        sys.stdout.flush()
finally:
    server.kill()
    server.wait()
    shutil.rmtree(folder, ignore_errors=True)
