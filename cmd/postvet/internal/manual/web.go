package manual

const webPage = "postvet-web"

// webWays are the ways to serve the web page: which users each is for, and its settings.
var webWays = []struct{ name, text string }{
	{"Unix socket", `For one or a few administrators. Everybody who may connect is an admin, as with the control socket; the rights of the file say who that is.

  [web]
  listen = "unix:/run/postvet/web.sock"
  group = "postvet"

From another machine, ssh(1) brings it to a browser; "postvet web url" prints the line:

  ssh -N -L localhost:8895:/run/postvet/web.sock root@mx.example.org

Then open http://localhost:8895/ there. Requests for another name are refused: a site could give its name the address of the page, and so have a browser read the page. IP addresses and names without a dot are let in.`},
	{"Users who log in", `For one machine with some users. "postvet web passwd NAME" prints the line of each.

  [web]
  listen = "inet:127.0.0.1:8895"
  users_file = "/etc/postvet/web.users"

A session lasts 12 hours, and ends with the service, or when the user's password changes and is reloaded, which ends all of them. A user has at most 10.

A log-in that fails takes a second. Ten that fail within ten minutes close the way for that address, or IPv6 network of 64 bits, until the ten minutes are over; who is logged in there stays so. Others cannot lock a user out: once thirty failed for a user from all addresses together, each address has one more attempt for this user, and the right password lets in from any that has not used it up. Log-ins wait for each other; from where one succeeded before, it need not wait for those of strangers to end. Behind a proxy that web.proxy does not name, all clients have the same address, and one of them can close the way for all: name it.

For other machines, name tls_cert and tls_key and set allow_remote, or put a proxy in front.`},
	{"A proxy that knows the users", `For a team with a single sign-on: Authelia, oauth2-proxy, Authentik, or nginx itself. The proxy says in a field who the user is.

  [web]
  listen = "unix:/run/postvet/web.sock"
  group = "www-data"
  proxy = ["unix"]
  user_header = "Remote-User"
  groups_header = "Remote-Groups"
  roles = ["mail-admins:admin", "helpdesk:support"]

oauth2-proxy has X-Forwarded-User and X-Forwarded-Groups. The proxy must replace these fields, so that no browser can send them. It must hand on Host, which tells forms of other sites, and X-Forwarded-For and X-Forwarded-Proto. Every other program that can connect to the socket can claim to be any user: give its group to the proxy alone. Configurations for nginx and Caddy are in contrib/web of the source, and in examples/web of the packages and tarballs.`},
	{"A proxy before users who log in", `For one machine that others reach by the proxy's TLS. Name the proxy, so that log-ins are counted by the address of the client, and cookies are for HTTPS alone.

  [web]
  listen = "unix:/run/postvet/web.sock"
  group = "www-data"
  proxy = ["unix"]
  users_file = "/etc/postvet/web.users"`},
}

// webRoles are what each role may see.
var webRoles = []struct{ name, text string }{
	{"viewer", "How mail fares: numbers, domains, forwarders, own domains, reports, keys and the state of the service. No address of a person."},
	{"support", "What viewers see, and searches for mail, the story of a message, held mail, and a message to check. Searches for a person are written down with the user's name and address, in audit.log of the journal."},
	{"admin", "What support sees, and flushing the cache, forgetting an address, trying another policy, and the audit."},
}

// web writes postvet-web(7).
func (e Edition) web() Page {
	r, file := e.page(webPage, 7, "the web page of postvet, and who may see it")
	r.section("Description")
	r.text(`The web page shows what became of mail and why, what needs attention, how domains and forwarders fare, reports, and the state of the service. Each page answers one question, and is JSON too, at the same path with ".json" behind it. Nothing on it changes the configuration: where a key would help, the page prints the line to paste.

It is off by default. The section web of postvet.toml(5) has it served, in one of four ways. Each needs proof of who somebody is: no address is trusted, not even 127.0.0.1, from which every program of the machine can connect. A configuration that leaves a way open does not start.`, "PP")
	r.section("Ways in")
	for _, w := range webWays {
		r.request("SS", w.name)
		r.text(w.text, "PP")
	}
	r.section("Roles")
	r.text(`A user has one role, which the line of web.users, the user's groups, or proxy_role give. Everybody who may connect to a unix socket without users and proxy is an admin.`, "PP")
	for _, x := range webRoles {
		r.item(x.name)
		r.filled(x.text)
	}
	r.section("What protects it")
	r.text(`Each form needs a token of its user's, and is refused if another site sent it. The policy of the pages (Content-Security-Policy) allows neither a script nor a style in a page, so that text of a message can become neither. Requests that name a user in a field, and do not come from a proxy, are refused. Passwords are compared one at a time, for a quarter of the time at most, so that log-ins do not take the CPU from mail. Of connections without a request, 512 are kept; a further one closes the oldest of the client that has most. Up to 256 pages, and up to 32 of one user, show mail as it comes; the page of one too many says so, and tries again every 30 seconds.

The log has a line for each log-in, for each that failed, and for what a user changes. The metrics postvet_web_requests_total, postvet_web_logins_total and postvet_web_streams count requests, log-ins and pages that stay open. Users are changed by "postvet reload", and listeners by a restart.`, "PP")
	r.section("Files")
	r.item("/etc/postvet/web.users")
	r.filled(`A good place for web.users_file: root's, with the service's group and the mode 640.`)
	r.item("/run/postvet/web.sock")
	r.filled(`A good place for the socket; the unit of systemd makes the folder.`)
	r.section("See also")
	r.references("postvet-web(1)", configPage+"(5)", journalPage+"(5)", "postvet-log(5)", containerPage+"(7)", "ssh(1)")
	return Page{file, r.b.Bytes()}
}
