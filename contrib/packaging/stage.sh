# shellcheck shell=sh
# The parts of packages, tarballs and images; read in the top folder of the source by
# build.sh here and in contrib/release, and by contrib/image. One commit, version and
# Go give the same bytes in any folder, for any user and with any settings.

GO=${GO:-go}
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C GOFLAGS='' GOAMD64=v1 GOARM64=v8.0 GOARM=7 GORISCV64=rva20u64
umask 022

# compile VERSION OS ARCH FILE makes a static binary. -buildvcs=false: what git
# says of the tree is in the version, and a build from an unpacked archive gives
# the same.
compile() {
	CGO_ENABLED=0 GOOS=$2 GOARCH=$3 $GO build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$1" -o "$4" ./cmd/postvet
}

# runnable VERSION FILE OS ARCH DIR puts into $self a binary that runs here: the
# FILE of that system, or another one in DIR.
runnable() {
	self=$2
	[ "$3/$4" = "$($GO env GOHOSTOS)/$($GO env GOHOSTARCH)" ] && return
	self=$5/postvet.host
	compile "$1" "$($GO env GOHOSTOS)" "$($GO env GOHOSTARCH)" "$self"
}

# documents DIR fills a folder with man pages, completions and examples; $self
# prints them.
documents() {
	mkdir -p "$1/man" "$1/completions" "$1/examples/postfix" "$1/examples/sendmail" "$1/examples/monitoring" "$1/examples/web"
	"$self" manual --date "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)" --log contrib/monitoring/LOGS.md "$1/man" >/dev/null
	for section in 1 5 7; do
		mkdir "$1/man/man$section"
		mv "$1/man"/*."$section" "$1/man/man$section/"
	done
	"$self" completion bash >"$1/completions/postvet.bash"
	"$self" completion zsh >"$1/completions/_postvet"
	"$self" completion fish >"$1/completions/postvet.fish"
	"$self" config default >"$1/examples/postvet.toml"
	cp -R contrib/postfix/. "$1/examples/postfix/"
	cp -R contrib/sendmail/. "$1/examples/sendmail/"
	cp contrib/rules.toml "$1/examples/"
	cp contrib/monitoring/alerts.yml contrib/monitoring/dashboard.json "$1/examples/monitoring/"
	cp contrib/web/nginx.conf contrib/web/Caddyfile "$1/examples/web/"
}

# licences OS ARCH prints the licences of all that is in a binary.
licences() { GOOS=$1 GOARCH=$2 contrib/packaging/licences.sh; }

# level gives all files of a folder the same rights and the same time.
level() {
	chmod -R u=rwX,go=rX "$1"
	find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
