package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small returns an image whose program does not run.
func small(t *testing.T, arch string) image {
	t.Helper()
	zones, err := timeZoneFile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "postvet")
	if err := os.WriteFile(binary, bytes.Repeat([]byte(arch), 1000), 0o700); err != nil {
		t.Fatal(err)
	}
	return image{
		arch: arch, version: "v1.2.3-rc1+x", created: time.Unix(1795600574, 0).UTC(), binary: binary, zones: zones,
		licence: []byte("ours"), licences: []byte("theirs"), compression: gzip.BestSpeed,
	}
}

// entries returns the files of a tar file by name, and the names in order.
func entries(t *testing.T, r io.Reader) (files map[string]file, headers map[string]*tar.Header, names []string) {
	t.Helper()
	files, headers = map[string]file{}, map[string]*tar.Header{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, headers, names
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := files[h.Name]; twice {
			t.Errorf("%s stands there twice", h.Name)
		}
		files[h.Name], headers[h.Name] = file{name: h.Name, mode: h.Mode, data: data}, h
		names = append(names, h.Name)
	}
}

func decode[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLayout follows the descriptors of a layout, as an engine does, down to the files.
func TestLayout(t *testing.T) {
	t.Parallel()
	images := []image{small(t, "amd64"), small(t, "arm64")}
	var first, second bytes.Buffer
	digest1, err := write(&first, images)
	if err != nil {
		t.Fatal(err)
	}
	// Other paths give the same octets.
	digest2, err := write(&second, []image{small(t, "amd64"), small(t, "arm64")})
	if err != nil || digest1 != digest2 || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("two builds differ: %s %s %v", digest1, digest2, err)
	}
	files, _, _ := entries(t, &first)
	if got := string(files["oci-layout"].data); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout: %s", got)
	}
	used := 4 // oci-layout, index.json and the two folders
	get := func(d descriptor) []byte {
		t.Helper()
		f, ok := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if !ok || digest(f.data) != d.Digest || len(f.data) != d.Size {
			t.Fatalf("%s: %v, %d octets, digest %s", d.Digest, ok, len(f.data), digest(f.data))
		}
		used++
		return f.data
	}
	top := decode[imageIndex](t, files["index.json"].data)
	if len(top.Manifests) != 1 || top.Manifests[0].Digest != digest1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3-rc1-x" {
		t.Fatalf("%+v", top)
	}
	for i, d := range decode[imageIndex](t, get(top.Manifests[0])).Manifests {
		if d.MediaType != manifestType || *d.Platform != (platform{images[i].arch, "linux"}) {
			t.Errorf("%+v", d)
		}
		m := decode[manifest](t, get(d))
		config := decode[imageConfig](t, get(m.Config))
		if config.Architecture != images[i].arch || config.OS != "linux" || config.Config.User != "65532:65532" || config.Config.StopSignal != "SIGTERM" {
			t.Errorf("%+v", config)
		}
		if d := cmp.Diff([]string{"CMD", "/usr/bin/postvet", "status", "--health"}, config.Config.Healthcheck.Test); d != "" {
			t.Errorf("health check (-want +got):\n%s", d)
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(get(m.Layers[0])))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{digest(raw)}, config.RootFS.DiffIDs); d != "" {
			t.Errorf("diff_ids (-want +got):\n%s", d)
		}
		checkRoot(t, raw, images[i])
	}
	if used != len(files) {
		t.Errorf("%d files, %d of them used", len(files), used)
	}
}

// checkRoot checks the files of an image: what must be there, and that a process in the
// container can write into the places of volumes alone.
func checkRoot(t *testing.T, raw []byte, i image) {
	t.Helper()
	files, headers, names := entries(t, bytes.NewReader(raw))
	for at, name := range names {
		h := headers[name]
		if own := name == statePath+"/" || name == runPath+"/"; h.Mode&0o022 != 0 || (h.Uid == owner) != own || (h.Gid == owner) != own || !h.ModTime.Equal(i.created) {
			t.Errorf("%s: mode %o, owner %d, time %v", name, h.Mode, h.Uid, h.ModTime)
		}
		if dir, _ := filepath.Split(strings.TrimSuffix(name, "/")); dir != "" && !slices.Contains(names[:at], dir) {
			t.Errorf("%s comes before its folder", name)
		}
	}
	if h := headers[binaryPath]; h == nil || h.Mode != 0o755 {
		t.Errorf("%s: %+v", binaryPath, h)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(files["etc/ssl/certs/ca-certificates.crt"].data) {
		t.Error("no certificates")
	}
	if zone, err := time.LoadLocationFromTZData("Europe/Berlin", files["usr/share/zoneinfo/Europe/Berlin"].data); err != nil || zone.String() != "Europe/Berlin" {
		t.Errorf("%v, %v", zone, err)
	}
	if got := string(files["usr/share/doc/postvet/third-party-licences"].data); got != "theirs" {
		t.Errorf("licences %q", got)
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"v1.2.3": "1.2.3", "v0.1.0-dev+abc.dirty": "0.1.0-dev-abc.dirty", "1.0~rc1": "1.0-rc1"} {
		if got := tag(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}
