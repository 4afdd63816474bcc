package authres

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

// TestMerge: fields of ours are read as one, from the top down, and others are not.
func TestMerge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		values []string
		want   string // the results that Format writes
		fields int
	}{
		{"none of ours", []string{" evil.org; spf=pass"}, "", 0},
		{"one", []string{" mx.example.com; spf=pass smtp.mailfrom=a.example"}, "spf=pass smtp.mailfrom=a.example", 1},
		{"several", []string{" mx.example.com; arc=none", " evil.org; dmarc=pass", " MX.example.com; dkim=fail (a comment)"}, "arc=none;\r\n\tdkim=fail", 2},
		{"without results", []string{" mx.example.com; none"}, "none", 1},
	} {
		var h message.Header
		for _, v := range tt.values {
			h = append(h, message.NewField("From", " a@b.example"), message.NewField(FieldName, v))
		}
		methods, fields, err := Merge(h, "mx.example.com")
		if err != nil || fields != tt.fields {
			t.Errorf("%s: %d fields, %v", tt.name, fields, err)
			continue
		}
		if fields > 0 {
			got := strings.TrimLeft(strings.TrimPrefix(Format("mx.example.com", methods), " mx.example.com;"), " \r\n\t")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	}
	for _, value := range []string{` mx.example.com; spf=pass reason="x`, " mx.example.com 2; spf=pass", " =?utf-8?q?mx?= mx.example.com; spf=pass", " =?x?=.example; mx.example.com"} {
		h := message.Header{message.NewField(FieldName, " mx.example.com; spf=pass"), message.NewField(FieldName, value)}
		if _, _, err := Merge(h, "mx.example.com"); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", value, err)
		}
	}
	h := message.Header{}
	for range 60 {
		h = append(h, message.NewField(FieldName, " mx.example.com; spf=pass; dkim=none"))
	}
	if methods, fields, err := Merge(h, "mx.example.com"); err != nil || len(methods) != 100 || fields != 50 {
		t.Errorf("%d results of %d fields, %v", len(methods), fields, err)
	}
}
