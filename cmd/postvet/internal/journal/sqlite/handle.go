//go:build (darwin && (amd64 || arm64)) || (freebsd && (amd64 || arm64)) || (linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (netbsd && amd64) || (openbsd && (amd64 || arm64))

package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// handle is a database that is open to be written, by the calls of SQLite itself. The driver
// for database/sql takes locks for each value, copies it, and clears it again. That costs
// more than all the rest of a row. A handle is for one goroutine at a time.
type handle struct {
	tls *libc.TLS
	db  uintptr
	out uintptr // room for two pointers, which SQLite sets
}

// openHandle opens a file that exists.
func openHandle(path string) (*handle, error) {
	h := &handle{tls: libc.NewTLS()}
	h.out = sqlite3.Xsqlite3_malloc(h.tls, int32(2*unsafe.Sizeof(uintptr(0))))
	name, err := libc.CString(path)
	if err != nil || h.out == 0 {
		_ = h.close()
		return nil, errNoMemory
	}
	rc := sqlite3.Xsqlite3_open_v2(h.tls, name, h.out, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	libc.Xfree(h.tls, name)
	h.db = h.pointers()[0] // there is one also after most failures
	if rc != sqlite3.SQLITE_OK {
		err := h.failure(rc)
		_ = h.close()
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(h.tls, h.db, 1)
	sqlite3.Xsqlite3_busy_timeout(h.tls, h.db, busyTimeout)
	return h, nil
}

var errNoMemory = errors.New("sqlite: no memory")

// at returns memory of SQLite, which Go does not manage.
func at[T any](p uintptr, n int) []T {
	return unsafe.Slice((*T)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), n)
}

func (h *handle) pointers() []uintptr { return at[uintptr](h.out, 2) }

// failure is an error of SQLite.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return fmt.Sprintf("%s (%d)", f.text, f.code) }

// failure returns the error for a result.
func (h *handle) failure(rc int32) error {
	f := &failure{code: int(rc), text: "no memory"}
	if h.db != 0 {
		f.text = libc.GoString(sqlite3.Xsqlite3_errmsg(h.tls, h.db))
	}
	return f
}

func (h *handle) close() error {
	rc := int32(sqlite3.SQLITE_OK)
	if h.db != 0 {
		rc = sqlite3.Xsqlite3_close_v2(h.tls, h.db)
		h.db = 0
	}
	sqlite3.Xsqlite3_free(h.tls, h.out)
	h.out = 0
	h.tls.Close()
	if rc != sqlite3.SQLITE_OK {
		return &failure{code: int(rc), text: "the file could not be closed"}
	}
	return nil
}

// exec executes statements. The arguments are those of each of them that has parameters.
func (h *handle) exec(query string, args ...any) error {
	_, err := h.run(query, args)
	return err
}

// number returns the first column of the first row of a statement.
func (h *handle) number(query string) (int64, error) { return h.run(query, nil) }

// run executes statements, and returns the first number that they have.
func (h *handle) run(query string, args []any) (n int64, err error) {
	found := false
	for query != "" {
		s, rest, err := h.prepare(query)
		if err != nil {
			return 0, err
		}
		query = rest
		if s == nil {
			continue // blanks or a comment
		}
		for i, a := range args[:min(len(args), len(s.values))] {
			s.set(i, a)
		}
		for err == nil && s.failed == nil {
			more, stepErr := s.step()
			if err = stepErr; err != nil || !more {
				break
			}
			if !found {
				n, found = s.int(0), true
			}
		}
		err = errors.Join(err, s.failed)
		s.close()
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// statement is a prepared statement. Values that are set stay for the next time.
type statement struct {
	h      *handle
	stmt   uintptr
	values []value
	room   uintptr // of the values, maxStatic octets each
	failed error   // of a value that could not be set
}

// value is the present value of a parameter.
type value struct {
	kind valueKind
	n    int64 // the integer, or the length of the octets in room
}

type valueKind uint8

const (
	valueNull valueKind = iota
	valueInt
	valueText
	valueBlob
	valueLong // octets for which there is no room
)

// maxStatic is the length of octets that are kept in place.
const maxStatic = 512

// each calls f with each row of a statement.
func (h *handle) each(query string, f func(*statement) error) error {
	s, err := h.prepared(query)
	if err != nil {
		return err
	}
	defer s.close()
	for {
		if more, err := s.step(); err != nil || !more {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
}

// prepared returns a statement.
func (h *handle) prepared(query string) (*statement, error) {
	s, _, err := h.prepare(query)
	return s, err
}

// prepare returns the first statement of a text, nil if there is none, and what follows it.
func (h *handle) prepare(query string) (*statement, string, error) {
	text, err := libc.CString(query)
	if err != nil {
		return nil, "", err
	}
	defer libc.Xfree(h.tls, text)
	rc := sqlite3.Xsqlite3_prepare_v2(h.tls, h.db, text, -1, h.out, h.out+unsafe.Sizeof(uintptr(0)))
	if rc != sqlite3.SQLITE_OK {
		return nil, "", h.failure(rc)
	}
	p := h.pointers()
	rest := query[min(len(query), int(p[1]-text)):]
	if p[0] == 0 {
		return nil, rest, nil
	}
	s := &statement{h: h, stmt: p[0]}
	if n := sqlite3.Xsqlite3_bind_parameter_count(h.tls, s.stmt); n > 0 {
		s.values = make([]value, n)
		if s.room = sqlite3.Xsqlite3_malloc(h.tls, n*maxStatic); s.room == 0 {
			s.close()
			return nil, "", errNoMemory
		}
	}
	return s, rest, nil
}

// set sets a parameter, the first of which is 0.
func (s *statement) set(i int, v any) {
	switch v := v.(type) {
	case int64:
		s.setInt(i, v)
	case string:
		s.setOctets(i, []byte(v), true)
	case []byte:
		s.setOctets(i, v, false)
	default:
		s.failed = fmt.Errorf("sqlite: no argument may be a %T", v)
	}
}

// setNull sets a parameter to NULL.
func (s *statement) setNull(i int) {
	if v := &s.values[i]; v.kind != valueNull {
		v.kind = valueNull
		s.check(i, sqlite3.Xsqlite3_bind_null(s.h.tls, s.stmt, int32(i+1)))
	}
}

// setInt sets a parameter to a number.
func (s *statement) setInt(i int, n int64) {
	if v := &s.values[i]; v.kind != valueInt || v.n != n {
		*v = value{valueInt, n}
		s.check(i, sqlite3.Xsqlite3_bind_int64(s.h.tls, s.stmt, int32(i+1), n))
	}
}

// setOctets sets a parameter to a text or a blob. It copies the octets.
func (s *statement) setOctets(i int, b []byte, text bool) {
	v, next := &s.values[i], value{valueBlob, int64(len(b))}
	if text {
		next.kind = valueText
	}
	p := s.room + uintptr(i*maxStatic)
	if len(b) > maxStatic {
		next.kind = valueLong
		if p = sqlite3.Xsqlite3_malloc(s.h.tls, int32(len(b))); p == 0 {
			s.failed = errNoMemory
			return
		}
		defer sqlite3.Xsqlite3_free(s.h.tls, p)
	}
	room := at[byte](p, len(b))
	if next.kind != valueLong && *v == next && bytes.Equal(room, b) {
		return
	}
	copy(room, b)
	*v = next
	var whose uintptr // SQLITE_STATIC
	if next.kind == valueLong {
		whose = ^uintptr(0) // SQLITE_TRANSIENT: SQLite makes a copy
	}
	bind := sqlite3.Xsqlite3_bind_blob
	if text {
		bind = sqlite3.Xsqlite3_bind_text
	}
	s.check(i, bind(s.h.tls, s.stmt, int32(i+1), p, int32(len(b)), whose))
}

// check notes that a parameter could not be set.
func (s *statement) check(i int, rc int32) {
	if rc != sqlite3.SQLITE_OK {
		s.values[i].kind = valueLong // it is unlike any other
		s.failed = s.h.failure(rc)
	}
}

// step goes on to the next row. It returns false if there is none.
func (s *statement) step() (bool, error) {
	rc := sqlite3.Xsqlite3_step(s.h.tls, s.stmt)
	switch rc & 0xff {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	}
	return false, s.h.failure(rc)
}

// insert executes a statement without a result, and reports whether it has changed a row.
func (s *statement) insert() (bool, error) {
	err := s.failed
	if s.failed = nil; err == nil {
		_, err = s.step()
	}
	sqlite3.Xsqlite3_reset(s.h.tls, s.stmt) // its error is that of step
	return err == nil && sqlite3.Xsqlite3_changes(s.h.tls, s.h.db) > 0, err
}

// exec executes a statement without a result.
func (s *statement) exec() error {
	_, err := s.insert()
	return err
}

// int returns a column of the present row.
func (s *statement) int(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(s.h.tls, s.stmt, int32(i))
}

// octets returns a copy of a column of the present row.
func (s *statement) octets(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.h.tls, s.stmt, int32(i)) // before its length
	return bytes.Clone(at[byte](p, int(sqlite3.Xsqlite3_column_bytes(s.h.tls, s.stmt, int32(i)))))
}

func (s *statement) close() {
	sqlite3.Xsqlite3_finalize(s.h.tls, s.stmt) // its error is that of step
	sqlite3.Xsqlite3_free(s.h.tls, s.room)
}
