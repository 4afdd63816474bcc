package peers

import (
	"strconv"
	"strings"
)

// draft is a postvet.toml in the making.
type draft struct {
	entries []entry
	rules   []rule
}

// entry is a key with its value in TOML, and what the value comes from, in words and
// as settings.
type entry struct {
	key, value string
	because    []string
	from       []Setting
}

// rule is a [[rule]] with its keys in order and their values in TOML.
type rule struct {
	keys [][2]string
	// condition is the expression of the key "if".
	condition string
	from      Setting
}

// putFrom sets a key because of a setting, which is cited before further remarks.
func (d *draft) putFrom(s Setting, key, value string, more ...string) {
	d.put(key, value, strings.Join(append([]string{cite(s)}, more...), " "), s)
}

// put sets a key. A later call for the same key replaces the value and adds its
// reason.
func (d *draft) put(key, value, because string, from ...Setting) {
	for i := range d.entries {
		if e := &d.entries[i]; e.key == key {
			e.value = value
			e.because = append(e.because, because)
			e.from = append(e.from, from...)
			return
		}
	}
	d.entries = append(d.entries, entry{key, value, []string{because}, from})
}

// get returns the value of a key; ok reports whether it was set.
func (d *draft) get(key string) (value string, ok bool) {
	for _, e := range d.entries {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// splitKey splits "section.name"; a name may be quoted and hold dots.
func splitKey(key string) (section, name string) {
	section, name, ok := strings.Cut(key, ".")
	if !ok || strings.HasPrefix(key, `"`) {
		return "", key
	}
	if below, rest, deeper := strings.Cut(name, "."); deeper && !strings.HasPrefix(name, `"`) {
		return section + "." + below, rest
	}
	return section, name
}

// integer returns the value of an option of kind number.
func integer(s Setting) int {
	n, _ := strconv.Atoi(s.Value) // checked when it was read
	return n
}
