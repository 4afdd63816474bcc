package manual

const containerPage = "postvet-container"

// container writes postvet-container(7).
func (e Edition) container() Page {
	r, file := e.page(containerPage, 7, "postvet in a container")
	r.section("Description")
	r.text(`The image of Postvet has a static binary, the certificates of Mozilla's list, the time zones and a configuration, and no shell. A release has it for amd64 and arm64, as an OCI layout in a tar file; "make image" builds it from the source:

  skopeo copy --all oci-archive:postvet_1.2.3_image.tar docker://registry.example.org/postvet:1.2.3
  skopeo copy oci-archive:postvet_1.2.3_image.tar docker-daemon:postvet:1.2.3
  skopeo copy oci-archive:postvet_1.2.3_image.tar containers-storage:postvet:1.2.3

The first is for a registry and both architectures, the others are for Docker and Podman on this machine. Two builds of one version are the same, octet for octet.

The folder contrib/suites of the source has examples for Compose, Kubernetes and the mail suites.`, "PP")
	r.section("How it runs")
	for _, i := range containerFacts {
		r.item(i[0])
		r.filled(i[1])
	}
	r.section("Configuration")
	r.text(`The file in the image is /etc/postvet/postvet.toml. It listens on port 8890 of all addresses, and keeps the DNS cache and the journal in the volume. A file of yours takes its place; write listen = ["inet:*:8890"] into it, since the default is a loopback address. The log warns of one that nothing outside reaches.

Variables that begin with POSTVET_ win over either file: postvet.toml(5) has them. An unknown one keeps the container from its start, and the log says which was meant. POSTVET_AUTHSERV_ID should always be set: a container has no name of its own that stays, and the results of one are not known to the next. Passwords stand in files, which the keys name, never in variables.

  podman run --read-only --user 65532:65532 -v postvet:/var/lib/postvet -e POSTVET_AUTHSERV_ID=mx.example.org postvet:1.2.3

The milter protocol has neither a password nor encryption. Publish the port to the MTA alone, by a network of their own.`, "PP")
	r.section("Web page")
	r.text(`The page needs users or a proxy that names them, as anywhere: postvet-web(7). The safest way is a unix socket in a volume that nobody but the proxy has:

  POSTVET_WEB_LISTEN=unix:/run/postvet/web.sock
  POSTVET_WEB_PROXY=unix
  POSTVET_WEB_USERS_FILE=/run/secrets/web.users

The file must be readable by user 65532 or its group. This makes a line of it from a password in a file; with a terminal (-t), the engine would write the questions into web.users:

  docker run -i --rm postvet web passwd ann --stdin <password >>web.users

In Kubernetes POSTVET_WEB_LISTEN=inet:127.0.0.1:8895 does without a proxy: "kubectl port-forward" reaches that address, and nothing else outside the pod. A listener on all addresses needs POSTVET_WEB_ALLOW_REMOTE=true, users, and TLS or the network of the proxy in POSTVET_WEB_PROXY.`, "PP")
	r.section("Commands")
	r.text(`Commands run in the container, where they find the service:

  docker exec postvet /usr/bin/postvet status
  docker exec postvet /usr/bin/postvet explain 1R407AG0YWNWK
  docker kill --signal HUP postvet`, "PP")
	r.section("Start and stop")
	r.text(`A container that cannot start ends at once, with one line that says why: exit code 2 for a wrong configuration or variable, which another try does not mend, and 3 for a file, volume or port that cannot be used. It never waits in silence.

SIGTERM has it finish the messages in flight, for at most drain_timeout (a minute), while the MTA's new connections are refused and their mail is deferred. Docker kills after 10 seconds: set stop_grace_period to 75s in Compose, and terminationGracePeriodSeconds to 75 in Kubernetes, or POSTVET_DRAIN_TIMEOUT to less than the time that there is.

"postvet status --health" is the image's health check: exit code 0 if mail can be sent to it, 1 if not, 3 if the service does not answer. With metrics, /healthz and /readyz say the same to Kubernetes. A DNS that is down makes the service not ready. Restarting it would not help: use no readiness check for a restart.`, "PP")
	r.section("DNS")
	r.text(`Postvet asks the resolvers in the container's /etc/resolv.conf. That of Docker and Kubernetes is a forwarder that drops questions under load, and knows nothing of DNSSEC. Name a validating resolver in another container by POSTVET_DNS_RESOLVERS; it takes addresses, not names. postvet-dns(7) says which.`, "PP")
	r.section("See also")
	r.references("postvet(1)", "postvet-serve(1)", "postvet-status(1)", configPage+"(5)", dnsPage+"(7)", webPage+"(7)")
	return Page{file, r.b.Bytes()}
}

// containerFacts are what an engine must know.
var containerFacts = [][2]string{
	{"User 65532, group 65532", `No other is needed, and no capability. A volume must be writable for that user.`},
	{"Root", `It may be read-only. Nothing is written outside the volume.`},
	{"Volume /var/lib/postvet", `The journal, the DNS cache, and the control socket, which is why a volume must not be one of a network. One container at a time uses it.`},
	{"Port 8890", `The milter, on all addresses of the container.`},
	{"Port 9890", `Free for metrics: POSTVET_METRICS_LISTEN=inet:*:9890 and POSTVET_METRICS_ALLOW_REMOTE=true.`},
	{"Folder /run/postvet", `For the socket of the web page, if a volume is mounted there that its proxy shares. A new volume of Docker or Podman belongs to user 65532.`},
	{"Time zone", `That of TZ, such as TZ=Europe/Berlin. Without it, UTC.`},
	{"Secrets", `Keys for signing must belong to user 65532 or root, and no other user may read them; sign.key_permissions = "warn" is for engines whose secrets everybody may read.`},
}
