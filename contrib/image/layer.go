package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// layer is the file system of an image: a tar file in gzip, and its digests.
type layer struct {
	blob
	diffID string // the digest of the tar file
}

// blob is the content of a descriptor.
type blob struct {
	mediaType string
	data      []byte
}

func (b blob) digest() string { return digest(b.data) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// newLayer returns the layer of files, which all have one time, squeezed by a level of
// gzip. Directories stand before what lies in them.
func newLayer(files []file, at time.Time, level int) (layer, error) {
	files = slices.Clone(files)
	seen := map[string]bool{}
	for _, f := range files {
		seen[f.name] = true
	}
	for _, f := range files {
		for dir := path.Dir(strings.TrimSuffix(f.name, "/")); dir != "."; dir = path.Dir(dir) {
			if !seen[dir+"/"] {
				seen[dir+"/"] = true
				files = append(files, file{name: dir + "/", mode: 0o755})
			}
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	sum := sha256.New()
	var packed bytes.Buffer
	squeezed, err := gzip.NewWriterLevel(&packed, level)
	if err != nil {
		return layer{}, err
	}
	if err := writeTar(io.MultiWriter(sum, squeezed), files, at); err != nil {
		return layer{}, err
	}
	if err := squeezed.Close(); err != nil {
		return layer{}, err
	}
	return layer{blob{"application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes()}, "sha256:" + hex.EncodeToString(sum.Sum(nil))}, nil
}

// writeTar writes files as a tar file. They all have one time.
func writeTar(to io.Writer, files []file, at time.Time) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if f.own {
			h.Uid, h.Gid = owner, owner
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}
