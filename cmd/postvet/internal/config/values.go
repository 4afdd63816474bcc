package config

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// Size is a number of octets, written like "64MB". KB, MB and GB are powers of
// 1024, as administrators of mail servers mean them.
type Size int64

// String returns the size in the largest unit that leaves no remainder.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		size Size
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}} {
		if s >= u.size && s%u.size == 0 {
			return fmt.Sprintf("%d%s", s/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

func parseSize(text string) (Size, bool) {
	t := strings.ToUpper(strings.TrimSpace(text))
	digits := strings.TrimLeft(t, "0123456789")
	n, err := strconv.ParseInt(t[:len(t)-len(digits)], 10, 64)
	if err != nil {
		return 0, false
	}
	unit := int64(1)
	switch strings.TrimSpace(digits) {
	case "", "B":
	case "K", "KB", "KIB":
		unit = 1 << 10
	case "M", "MB", "MIB":
		unit = 1 << 20
	case "G", "GB", "GIB":
		unit = 1 << 30
	default:
		return 0, false
	}
	if n > math.MaxInt64/unit {
		return 0, false
	}
	return Size(n * unit), true
}

// set puts a TOML value into the key's field. It returns what is wrong and
// what would be right, or "" twice.
func (k *key) set(c *Config, v any) (problem, remedy string) {
	switch p := k.field(c).(type) {
	case *string:
		s, ok := v.(string)
		if !ok {
			return "is " + describe(v), k.example()
		}
		s, problem, remedy = k.judge(s)
		if problem == "" {
			*p = s
		}
		return problem, remedy
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return "is " + describe(v), "write true or false, without quotes"
		}
		*p = b
	case *int:
		n, ok := v.(int64)
		if !ok {
			return "is " + describe(v), k.example()
		}
		if n < k.min || n > k.max {
			return fmt.Sprintf("%d is out of bounds", n), k.bounds()
		}
		*p = int(n)
	case *time.Duration:
		s, ok := v.(string)
		if !ok {
			return "is " + describe(v), k.example()
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return foreign.TerminalQuote(s, maxCited) + " is no duration", k.example()
		}
		if int64(d) < k.min || int64(d) > k.max {
			return foreign.TerminalQuote(s, maxCited) + " is out of bounds", k.bounds()
		}
		*p = d
	case *Size:
		s, ok := v.(string)
		if n, isInt := v.(int64); isInt {
			s, ok = strconv.FormatInt(n, 10), true
		}
		if !ok {
			return "is " + describe(v), k.example()
		}
		n, ok := parseSize(s)
		if !ok {
			return foreign.TerminalQuote(s, maxCited) + " is no size", k.example()
		}
		if int64(n) < k.min || int64(n) > k.max {
			return foreign.TerminalQuote(s, maxCited) + " is out of bounds", k.bounds()
		}
		*p = n
	case *fs.FileMode:
		s, ok := v.(string)
		if !ok {
			return "is " + describe(v), k.example()
		}
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o777 {
			return foreign.TerminalQuote(s, maxCited) + " is not octal", k.example()
		}
		if n&0o600 != 0o600 {
			return foreign.TerminalQuote(s, maxCited) + " locks out Postvet itself", `write at least "0600"`
		}
		*p = fs.FileMode(n)
	case *[]string:
		return k.setList(v, func(list []string) { *p = list })
	case *List:
		return k.setEntries(p, v)
	default:
		panic(fmt.Sprintf("config: key %s has a field of type %T", k.name, p))
	}
	return "", ""
}

func (k *key) setList(v any, done func([]string)) (problem, remedy string) {
	list := []string{}
	problem, remedy = k.each(v, func(s string) (string, string) {
		s, problem, remedy := k.judge(s)
		list = append(list, s)
		return problem, remedy
	})
	if problem == "" && len(list) == 0 && !k.empty {
		return "is empty", k.example()
	}
	if problem == "" {
		done(list)
	}
	return problem, remedy
}

// maxList bounds what stands in the configuration itself; files may hold more.
const maxList = 1000

func (k *key) each(v any, f func(string) (problem, remedy string)) (problem, remedy string) {
	list, ok := v.([]any)
	if !ok {
		return "is " + describe(v), k.example()
	}
	if len(list) > maxList {
		return fmt.Sprintf("has %d entries", len(list)), fmt.Sprintf("write at most %d", maxList)
	}
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return fmt.Sprintf("entry %d is %s", i+1, describe(e)), k.example()
		}
		if problem, remedy := f(s); problem != "" {
			return problem, remedy
		}
	}
	return "", ""
}

// judge applies the rules for strings.
func (k *key) judge(s string) (normal, problem, remedy string) {
	if len(k.words) > 0 {
		for _, w := range k.words {
			if s == w {
				return s, "", ""
			}
		}
		return "", foreign.TerminalQuote(s, maxCited) + " is not known", "write " + quotedOr(k.words)
	}
	if s == "" && k.empty {
		if _, list := k.field(&Config{}).(*[]string); !list {
			return "", "", ""
		}
	}
	if k.check == nil {
		return s, "", ""
	}
	return k.check(s)
}

// example says how a value of this key is written.
func (k *key) example() string {
	if len(k.words) > 0 {
		return "write " + quotedOr(k.words)
	}
	c := Default()
	switch p := k.field(c).(type) {
	case *time.Duration:
		return `write a duration with its unit, such as "` + formatDuration(*p) + `"`
	case *Size:
		return `write a size, such as "` + p.String() + `"`
	case *fs.FileMode:
		return `write access rights in octal and in quotes, such as "0660"`
	case *int:
		return fmt.Sprintf("write a whole number, such as %d", *p)
	case *List:
		switch {
		case k.kinds&addrlist.Names == 0:
			return `write a list, such as ["127.0.0.0/8", "::1/128"]`
		case k.kinds&addrlist.Addresses == 0:
			return `write a list, such as ["example.org", ".example.org"]`
		}
		return `write a list, such as ["192.0.2.0/24", "mx.example.org"]`
	case *[]string:
		switch k.name {
		case "listen":
			return `write a list, such as ["inet:127.0.0.1:8890"]`
		case "policy.monitor_listeners":
			return `write a list, such as ["inet:127.0.0.1:8891"]`
		case "rules", "shadow_rules":
			return `write a list of files, such as ["/etc/postvet/rules.toml"]`
		default:
			return `write a list, such as ["127.0.0.1:53"]`
		}
	default:
		return "write a string in quotes"
	}
}

func (k *key) bounds() string {
	var lo, hi string
	switch k.field(&Config{}).(type) {
	case *time.Duration:
		lo, hi = formatDuration(time.Duration(k.min)), formatDuration(time.Duration(k.max))
	case *Size:
		lo, hi = Size(k.min).String(), Size(k.max).String()
	default:
		lo, hi = strconv.FormatInt(k.min, 10), strconv.FormatInt(k.max, 10)
	}
	return "write " + lo + " to " + hi
}

// format returns the key's value as it is written in a file.
func (k *key) format(c *Config) string {
	switch p := k.field(c).(type) {
	case *string:
		return strconv.Quote(*p)
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *time.Duration:
		return strconv.Quote(formatDuration(*p))
	case *Size:
		return strconv.Quote(p.String())
	case *fs.FileMode:
		return fmt.Sprintf(`"%04o"`, uint32(*p))
	case *[]string:
		return formatList(*p)
	case *List:
		return formatList(p.Entries)
	default:
		panic(fmt.Sprintf("config: key %s has a field of type %T", k.name, p))
	}
}

func formatList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// formatDuration leaves out the zero units that time.Duration prints: 24h, not 24h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// describe says what a TOML value is, in TOML's words.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the string " + foreign.TerminalQuote(v, maxCited)
	case int64:
		return fmt.Sprintf("the integer %d", v)
	case float64:
		return "a floating-point number"
	case bool:
		return fmt.Sprintf("the boolean %v", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}

func quotedOr(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
