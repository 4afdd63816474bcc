package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// textEncoder writes log lines for a person: time, level and text of an event with its
// keys behind, and of a message time, queue id, action, author and why.
type textEncoder struct {
	*zapcore.MapObjectEncoder          // the fields of With
	keys                      []string // of them, in order
}

// newTextEncoder returns an encoder without fields.
func newTextEncoder() textEncoder {
	return textEncoder{MapObjectEncoder: zapcore.NewMapObjectEncoder()}
}

// Clone implements [zapcore.Encoder].
func (t textEncoder) Clone() zapcore.Encoder { return t.with(nil) }

// with returns the encoder with further fields.
func (t textEncoder) with(fields []zapcore.Field) textEncoder {
	out := newTextEncoder()
	maps.Copy(out.Fields, t.Fields)
	out.keys = slices.Sorted(maps.Keys(out.Fields))
	for _, f := range fields {
		f.AddTo(out)
		out.keys = append(out.keys, f.Key)
	}
	return out
}

var buffers = buffer.NewPool()

// EncodeEntry implements [zapcore.Encoder].
func (t textEncoder) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	all := t.with(fields)
	line := buffers.Get()
	line.AppendString(e.Time.Format(time.TimeOnly) + " ")
	if action := all.text("action"); e.Message == "message" && action != "" {
		line.AppendString(all.message(action))
	} else {
		line.AppendString(all.event(e))
	}
	line.AppendByte('\n')
	return line, nil
}

// The columns of a message. A queue id of Postfix has up to 15 characters, one of
// Sendmail 14.
const (
	queueColumn  = 15
	actionColumn = 10
)

// message returns what a person wants to know about a message first. Its other keys are
// for programs; the format "json" has them.
func (t textEncoder) message(action string) string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if would := t.text("would"); would != "" {
		note("monitored, would %s", would)
	}
	switch why := t.list("why"); {
	case t.text("exempt") != "":
		note("not checked: %s", t.text("exempt"))
	case len(why) > 0:
		note("%s", strings.TrimSuffix(why[0], "."))
	default:
		note("DMARC %s", cmp.Or(t.text("dmarc"), "not evaluated"))
	}
	if by := t.text("signed"); by != "" {
		note("signed by %s", by)
	}
	if why := t.text("unsigned"); why != "" && why != string(sign.NotOriginating) {
		note("not signed: %s", cmp.Or(t.text("unsigned_why"), why))
	}
	if rule := t.text("rule"); rule != result.RuleExempt {
		note("rule %s", rule)
	}
	if code := t.text("code"); code != "" {
		note("%s", code)
	}
	if to := t.text("redirect"); to != "" {
		note("to %s", to)
	}
	if result.Action(action).Delivers() && len(t.list("removed")) > 0 {
		note("a forged result is removed")
	}
	note("client %s", cmp.Or(t.text("client"), "not known"))
	note("from %s", cmp.Or(t.text("from"), "<>"))
	if undelivered, _ := t.Fields["undelivered"].(bool); undelivered {
		note("the MTA left before the verdict")
	}
	return fmt.Sprintf("%-*s %-*s %s: %s", queueColumn, cmp.Or(t.text("queue"), "-"), actionColumn, action,
		cmp.Or(t.text("author"), "no author"), strings.Join(notes, "; "))
}

// event returns level and text of a line that is about no message, and its keys.
func (t textEncoder) event(e zapcore.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s ", e.Level)
	if e.LoggerName != "" {
		b.WriteString(foreign.Terminal(e.LoggerName, foreign.Whole) + ": ")
	}
	b.WriteString(foreign.Terminal(e.Message, foreign.Whole))
	for _, key := range t.keys {
		if v, ok := t.Fields[key]; ok {
			b.WriteString("  " + word(key) + "=" + word(value(v)))
		}
	}
	return b.String()
}

// text returns the value of a key that is a text; "" if there is none.
func (t textEncoder) text(key string) string {
	s, _ := t.Fields[key].(string)
	return foreign.Terminal(s, foreign.Whole)
}

// list returns the value of a key that is a list of texts.
func (t textEncoder) list(key string) (texts []string) {
	all, _ := t.Fields[key].([]any)
	for _, v := range all {
		texts = append(texts, foreign.Terminal(value(v), foreign.Whole))
	}
	return texts
}

// value returns the text of a value.
func value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case []any:
		var texts []string
		for _, e := range v {
			texts = append(texts, value(e))
		}
		return strings.Join(texts, ", ")
	}
	return fmt.Sprint(v)
}

// word returns a text as it is if it is one word, and otherwise in quotes, so that no
// value can pass for a key.
func word(s string) string {
	if s == "" || !foreign.IsPrintable(s) || strings.ContainsAny(s, ` ="\`) {
		return foreign.TerminalQuote(s, foreign.Whole)
	}
	return s
}
