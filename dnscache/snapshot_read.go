package dnscache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

var (
	errShort    = errors.New("too short")
	errChecksum = errors.New("checksum is wrong")
)

// readHeader reads the header of a snapshot and returns when it was taken.
func readHeader(head []byte) (taken time.Time, err error) {
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return taken, errors.New("it begins like something else")
	}
	switch v := binary.BigEndian.Uint16(head[len(snapshotMagic):]); {
	case v > snapshotVersion:
		return taken, fmt.Errorf("version %d, which is newer than %d", v, snapshotVersion)
	case v == 0:
		return taken, errors.New("version 0, which never was")
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(head[len(head)-8:]))), nil
}

// readAnswers reads the answers of a snapshot up to their end, and calls each with every one.
func readAnswers(in interface {
	io.Reader
	io.ByteReader
}, each func(saved),
) error {
	var b []byte
	for {
		length, err := binary.ReadUvarint(in)
		switch {
		case err != nil:
			return err
		case length == 0:
			return nil
		case length > maxSaved:
			return fmt.Errorf("an answer of %d octets, more than %d", length, maxSaved)
		}
		if uint64(cap(b)) < length {
			b = make([]byte, length)
		}
		b = b[:length]
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		s, err := readSaved(b)
		if err != nil {
			return err
		}
		each(s)
	}
}
