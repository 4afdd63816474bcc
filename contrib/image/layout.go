package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// image is an image of one architecture.
type image struct {
	arch, version string
	created       time.Time
	binary, zones string // paths of the program, and of the time zones of Go
	licence       []byte // ours
	licences      []byte // of the modules in the program
	compression   int    // a level of gzip
}

// The documents of the OCI image specification 1.1, as far as the image has them.
// Healthcheck is an extension of Docker's that other engines leave out.
type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Platform    *platform         `json:"platform,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	imageIndex struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []descriptor      `json:"manifests"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
	manifest struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
	imageConfig struct {
		Created time.Time `json:"created"`
		platform
		Config  containerConfig `json:"config"`
		RootFS  rootFS          `json:"rootfs"`
		History []history       `json:"history"`
	}
	containerConfig struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Healthcheck  healthcheck         `json:"Healthcheck"`
		Volumes      map[string]struct{} `json:"Volumes"`
		WorkingDir   string              `json:"WorkingDir"`
		Labels       map[string]string   `json:"Labels"`
		StopSignal   string              `json:"StopSignal"`
	}
	healthcheck struct {
		Test        []string
		Interval    time.Duration
		Timeout     time.Duration
		StartPeriod time.Duration
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	history struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
)

// Media types.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
)

// container returns how the image is run.
func (i image) container() containerConfig {
	const program = "/" + binaryPath
	return containerConfig{
		User:         fmt.Sprintf("%d:%d", owner, owner),
		ExposedPorts: map[string]struct{}{"8890/tcp": {}, "9890/tcp": {}},
		Env: []string{
			"PATH=/usr/bin",
			"RUNTIME_DIRECTORY=/" + statePath, // of the control socket, since nothing else can be written
			"TMPDIR=/" + statePath,            // of SQLite
		},
		Entrypoint:  []string{program},
		Cmd:         []string{"serve", "--config", "/" + configPath},
		Healthcheck: healthcheck{[]string{"CMD", program, "status", "--health"}, 30 * time.Second, 5 * time.Second, 10 * time.Second},
		Volumes:     map[string]struct{}{"/" + statePath: {}},
		WorkingDir:  "/",
		Labels:      i.annotations(),
		StopSignal:  "SIGTERM",
	}
}

func (i image) annotations() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":         "Postvet",
		"org.opencontainers.image.description":   "mail filter for Postfix and Sendmail: SPF, DKIM, ARC, DMARC",
		"org.opencontainers.image.source":        "https://github.com/postvet/postvet",
		"org.opencontainers.image.documentation": "https://github.com/postvet/postvet/blob/main/README.md",
		"org.opencontainers.image.licenses":      "MIT",
		"org.opencontainers.image.version":       i.version,
		"org.opencontainers.image.created":       i.created.Format(time.RFC3339),
	}
}

// layout is the content of an OCI image layout.
type layout struct {
	blobs []blob
	index blob
}

// add adds a blob, once, and returns its descriptor.
func (l *layout) add(b blob) descriptor {
	d := descriptor{MediaType: b.mediaType, Digest: b.digest(), Size: len(b.data)}
	if !slices.ContainsFunc(l.blobs, func(o blob) bool { return o.digest() == d.Digest }) {
		l.blobs = append(l.blobs, b)
	}
	return d
}

// addImage adds an image and returns the descriptor of its manifest.
func (l *layout) addImage(i image) (descriptor, error) {
	files, err := root(i)
	if err != nil {
		return descriptor{}, err
	}
	fs, err := newLayer(files, i.created, i.compression)
	if err != nil {
		return descriptor{}, err
	}
	p := platform{i.arch, "linux"}
	config := l.add(document(configType, imageConfig{
		Created: i.created, platform: p, Config: i.container(), RootFS: rootFS{"layers", []string{fs.diffID}},
		History: []history{{i.created, "contrib/image"}},
	}))
	m := document(manifestType, manifest{2, manifestType, config, []descriptor{l.add(fs.blob)}, i.annotations()})
	d := l.add(m)
	d.Platform = &p
	return d, nil
}

// document returns a blob in JSON.
func document(mediaType string, v any) blob {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // the documents have nothing that JSON lacks
	}
	return blob{mediaType, data}
}

// newLayout returns the layout of images of several architectures. Its index names one
// image, which is an index of them.
func newLayout(images []image) (*layout, string, error) {
	l := &layout{}
	var all []descriptor
	for _, i := range images {
		d, err := l.addImage(i)
		if err != nil {
			return nil, "", err
		}
		all = append(all, d)
	}
	named := l.add(document(indexType, imageIndex{2, indexType, all, images[0].annotations()}))
	named.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": tag(images[0].version),
		"io.containerd.image.name":          "postvet:" + tag(images[0].version), // for docker load
	}
	l.index = document(indexType, imageIndex{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{named}})
	return l, named.Digest, nil
}

// notInTag are the characters that a tag cannot have.
var notInTag = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// tag returns the tag of a version: 1.2.3 for v1.2.3.
func tag(version string) string {
	return notInTag.ReplaceAllString(strings.TrimPrefix(version, "v"), "-")
}

// write writes the layout of images as a tar file. It returns the digest of the image.
func write(w io.Writer, images []image) (string, error) {
	l, digest, err := newLayout(images)
	if err != nil {
		return "", err
	}
	files := []file{
		{name: "blobs/", mode: 0o755},
		{name: "blobs/sha256/", mode: 0o755},
		{name: "oci-layout", mode: 0o644, data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", mode: 0o644, data: l.index.data},
	}
	for _, b := range l.blobs {
		files = append(files, file{name: "blobs/" + strings.Replace(b.digest(), ":", "/", 1), mode: 0o644, data: b.data})
	}
	return digest, writeTar(w, files, images[0].created)
}
