// Command image writes Postvet's container image as an OCI layout in one tar file,
// without an engine and without root: a layer with a static binary, certificates,
// time zones and a configuration, for each architecture.
//
// It writes the few documents of the layout itself. crane of go-containerregistry sets
// a user, an entrypoint and variables only in an image that already lies in a
// registry, has no health check, and its module would stand in our go.mod. The same
// source and Go make the same octets.
package main

import (
	"cmp"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run builds what the flags say. It runs in the top folder of the source.
func run(ctx context.Context) error {
	out := flag.String("out", "dist", "`folder` for the image")
	version := flag.String("version", "", "`version` in the binary and of the image")
	architectures := flag.String("arch", "amd64,arm64", "architectures, `comma` between them")
	binaries := flag.String("binaries", "", "`folder` with binaries that are built, postvet-linux-ARCH; empty: build them")
	flag.Parse()
	if flag.NArg() > 0 || *version == "" {
		return fmt.Errorf("write -version and no arguments; %q", flag.Args())
	}
	created, err := sourceTime(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "postvet-image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	zones, err := timeZoneFile(ctx)
	if err != nil {
		return err
	}
	var images []image
	for arch := range strings.SplitSeq(*architectures, ",") {
		i := image{arch: arch, version: *version, created: created, compression: gzip.BestCompression, zones: zones, licence: licence, binary: filepath.Join(*binaries, "postvet-linux-"+arch)}
		if *binaries == "" {
			i.binary = filepath.Join(work, arch)
			if err := build(ctx, i); err != nil {
				return err
			}
		}
		licences := exec.CommandContext(ctx, "contrib/packaging/licences.sh")
		licences.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch)
		licences.Stderr = os.Stderr
		if i.licences, err = licences.Output(); err != nil {
			return fmt.Errorf("licences: %w", err)
		}
		images = append(images, i)
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	// A name without what a tag cannot have, and tar and skopeo misread.
	name := filepath.Join(*out, "postvet_"+tag(*version)+"_image.tar")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	digest, err := write(f, images)
	if err := cmp.Or(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return err
	}
	fmt.Printf("%s\n%s\n", name, digest)
	return nil
}

// sourceTime returns the time that everything in the image has: SOURCE_DATE_EPOCH, or
// that of the commit.
func sourceTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		said, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("the time of the commit is unknown; set SOURCE_DATE_EPOCH: %w", err)
		}
		text = strings.TrimSpace(string(said))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is no number of seconds", text)
	}
	return time.Unix(n, 0).UTC(), nil
}

// timeZoneFile returns the path of the time zones that come with Go.
func timeZoneFile(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, goCommand(), "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"), nil
}

func goCommand() string { return cmp.Or(os.Getenv("GO"), "go") }

// build compiles the binary as those of packages and tarballs are compiled.
func build(ctx context.Context, i image) error {
	cmd := exec.CommandContext(ctx, "sh", "-ec", `. contrib/packaging/stage.sh; compile "$@"`, "sh", i.version, "linux", i.arch, i.binary)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build for %s: %w\n%s", i.arch, err, out)
	}
	return nil
}
