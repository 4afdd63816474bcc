package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// errEmptied is the error of a file without an octet of a day that is over.
var errEmptied = fmt.Errorf("%w: it is empty, although its day is over", errDamaged)

// isEmptied reports whether a file has lost all that it had. A file that was only begun is empty
// too, but none of a day that is over, unless the machine failed in that moment.
func (f file) isEmptied(now time.Time) bool {
	info, err := os.Stat(f.path)
	if err != nil || info.Size() > 0 || now.Sub(f.day) <= 24*time.Hour+10*time.Minute {
		return false
	}
	return !f.hasLog()
}

// hasLog reports whether the file has a log with rows. Reading a file makes an empty log.
func (f file) hasLog() bool {
	info, err := os.Stat(f.path + "-wal")
	return err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// checkHeader returns a fault that the beginning and the length of a file show
// (https://sqlite.org/fileformat.html section 1.3), nil for none. It reads no more of the file.
func (f file) checkHeader(now time.Time) error {
	if f.isEmptied(now) {
		return errEmptied
	}
	if err := regular(f.path); err != nil {
		return err
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var head [100]byte
	if _, err := io.ReadFull(opened, head[:]); err != nil || !bytes.HasPrefix(head[:], []byte("SQLite format 3\x00")) {
		return fmt.Errorf("%w: it is no database", errDamaged)
	}
	pageSize := int64(binary.BigEndian.Uint16(head[16:]))
	if pageSize == 1 {
		pageSize = 1 << 16
	}
	pages := int64(binary.BigEndian.Uint32(head[28:]))
	isCurrent := bytes.Equal(head[24:28], head[92:96]) // otherwise pages is that of an old version of SQLite
	if isCurrent && !f.hasLog() && info.Size() < pages*pageSize {
		return fmt.Errorf("%w: it was cut short, and lacks %d of %d octets", errDamaged, pages*pageSize-info.Size(), pages*pageSize)
	}
	return nil
}
