package dnscache

import (
	"reflect"
	"unsafe"
)

// derivation is one value that a consumer computed from an answer; the list is
// short, one or two entries.
type derivation struct {
	key   any
	value any
	next  *derivation
}

// Derive returns what derive makes of the answer, computed once per cached
// answer and key. The key should be an unexported zero-size type of the
// consumer's package, so that no two consumers meet. derive must be a pure
// function of the answer, and its result is shared and must be immutable; two
// callers that arrive together may both compute it, and one result is kept.
//
// What the result takes in memory is charged to the cache with the answer. It
// is found by following pointers, so a result should not lead to what is shared
// by all, such as a logger.
func (a *Answer) Derive(key any, derive func(*Answer) any) any {
	e := a.entry
	if e == nil {
		return derive(a)
	}
	var own any
	for derived := false; ; {
		head := e.derived.Load()
		for d := head; d != nil; d = d.next {
			if d.key == key {
				return d.value
			}
		}
		if !derived {
			own, derived = derive(a), true
		}
		d := &derivation{key: key, value: own, next: head}
		if e.derived.CompareAndSwap(head, d) {
			if s := e.home.Load(); s != nil {
				s.charge(e, allocated(int(unsafe.Sizeof(*d)))+measure(own, &e.answer))
			}
			return own
		}
	}
}

// maxMeasured bounds the values followed for one measurement. What is larger
// has cost more to compute than a look-up, and is charged as far as it was seen.
const maxMeasured = 10_000

// measure returns about what v takes in memory beyond a, into whose texts it may
// point.
func measure(v any, a *Answer) int64 {
	m := measurement{seen: map[unsafe.Pointer]bool{}}
	for _, s := range a.TXT {
		m.texts = append(m.texts, span{unsafe.Pointer(unsafe.StringData(s)), len(s)})
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Invalid, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func:
	default:
		m.bytes += allocated(int(r.Type().Size())) // boxed in the interface
	}
	m.follow(r)
	return m.bytes
}

// span is a piece of memory.
type span struct {
	at  unsafe.Pointer
	len int
}

type measurement struct {
	bytes  int64
	values int
	seen   map[unsafe.Pointer]bool
	texts  []span
}

// first reports whether p is met for the first time and is not of the answer.
func (m *measurement) first(p unsafe.Pointer) bool {
	if p == nil || m.seen[p] {
		return false
	}
	m.seen[p] = true
	for _, t := range m.texts {
		if uintptr(p) >= uintptr(t.at) && uintptr(p) < uintptr(t.at)+uintptr(t.len) {
			return false
		}
	}
	return true
}

// follow adds what v leads to; v itself is counted by whatever it lies in.
func (m *measurement) follow(v reflect.Value) {
	if m.values++; m.values > maxMeasured {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); s != "" && m.first(unsafe.Pointer(unsafe.StringData(s))) {
			m.bytes += allocated(len(s))
		}
	case reflect.Pointer:
		if m.first(v.UnsafePointer()) {
			m.bytes += allocated(int(v.Type().Elem().Size()))
			m.follow(v.Elem())
		}
	case reflect.Interface:
		if e := v.Elem(); e.IsValid() {
			if e.Kind() != reflect.Pointer {
				m.bytes += allocated(int(e.Type().Size()))
			}
			m.follow(e)
		}
	case reflect.Slice:
		if v.Cap() > 0 && m.first(v.UnsafePointer()) {
			m.bytes += allocated(v.Cap() * int(v.Type().Elem().Size()))
		}
		m.followEach(v)
	case reflect.Array:
		m.followEach(v)
	case reflect.Struct:
		for i := range v.NumField() {
			if leads(v.Type().Field(i).Type) {
				m.follow(v.Field(i))
			}
		}
	case reflect.Map:
		if m.first(v.UnsafePointer()) {
			// Groups of eight, at most seven full, and at least half of that after growth.
			each := int(v.Type().Key().Size()+v.Type().Elem().Size()) + 1
			m.bytes += allocated(48) + allocated(max(v.Len(), 8)*each*3/2)
			for it := v.MapRange(); it.Next(); {
				m.follow(it.Key())
				m.follow(it.Value())
			}
		}
	}
}

func (m *measurement) followEach(v reflect.Value) {
	if !leads(v.Type().Elem()) {
		return
	}
	for i := 0; i < v.Len() && m.values <= maxMeasured; i++ {
		m.follow(v.Index(i))
	}
}

// leads reports whether values of a type may point to memory.
func leads(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map, reflect.Struct:
		return true
	case reflect.Array:
		return leads(t.Elem())
	}
	return false
}
