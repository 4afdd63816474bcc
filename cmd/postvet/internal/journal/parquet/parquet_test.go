package parquet

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// recordOf returns a record with a value in each column, or with none where a column may be
// without.
func recordOf(i int, empty bool) *rows.Record {
	var rec rows.Record
	for c := range rows.Columns {
		switch {
		case c == rows.ColRef:
			rec[c].Int = int64(result.FirstReference(time.Date(2026, 11, 29, 10, 20, 30, 0, time.UTC))) + int64(i)
		case empty:
		case c.Kind() == rows.Integer:
			rec[c].Int = int64(i)*1000 + int64(c)
		default:
			rec[c].Octets = fmt.Appendf(nil, "%s %d", c, i%100)
		}
	}
	return &rec
}

// TestReadBack writes records and reads the same values, by the names of the columns.
func TestReadBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b, "test")
	const n = groupRows + batchRows + 7
	for i := range n {
		if err := w.Write(recordOf(i, i%3 == 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.Close(); err != nil || got != n {
		t.Fatalf("%d rows, %v", got, err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var want, names []string
	want = append(want, "at")
	for c := range rows.Columns {
		if c != rows.ColFacts {
			want = append(want, c.String())
		}
	}
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Fatalf("columns (-want +got):\n%s", d)
	}
	if len(f.RowGroups()) != 2 {
		t.Errorf("%d row groups, want 2", len(f.RowGroups()))
	}
	i := 0
	for _, group := range f.RowGroups() {
		lines := group.Rows()
		for {
			some := make([]parquet.Row, 1)
			k, err := lines.ReadRows(some)
			if k == 1 {
				checkRow(t, i, some[0])
				i++
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		lines.Close()
	}
	if i != n {
		t.Errorf("%d rows are read, want %d", i, n)
	}
}

// checkRow compares a row with the record that was written.
func checkRow(t *testing.T, i int, row parquet.Row) {
	t.Helper()
	rec := recordOf(i, i%3 == 0)
	if at := result.Reference(rec[rows.ColRef].Int).Time().UnixMilli(); row[0].Int64() != at {
		t.Fatalf("row %d: at is %v, want %d", i, row[0], at)
	}
	for c := range rows.ColFacts {
		v, want := row[c+1], rec[c]
		switch {
		case c.Kind() == rows.Integer && want.Int == 0:
			if !v.IsNull() && v.Int64() != 0 {
				t.Fatalf("row %d: %s is %v, want none", i, c, v)
			}
		case c.Kind() == rows.Integer:
			if v.Int64() != want.Int {
				t.Fatalf("row %d: %s is %v, want %d", i, c, v, want.Int)
			}
		case len(want.Octets) == 0:
			if !v.IsNull() {
				t.Fatalf("row %d: %s is %v, want null", i, c, v)
			}
		case !bytes.Equal(v.ByteArray(), want.Octets):
			t.Fatalf("row %d: %s is %q, want %q", i, c, v.ByteArray(), want.Octets)
		}
	}
}

// TestEmpty writes a day without rows.
func TestEmpty(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b, "test")
	if n, err := w.Close(); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if _, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Error(err)
	}
}

// BenchmarkWriter writes rows of which most texts come again, as those of a busy server do.
func BenchmarkWriter(b *testing.B) {
	pool := make([]*rows.Record, 1000)
	for i := range pool {
		pool[i] = recordOf(i*7, false)
	}
	size := new(counter)
	w := NewWriter(size, "test")
	i := 0
	for b.Loop() {
		rec := pool[i%len(pool)]
		rec[rows.ColRef].Int += 1 << 20
		if err := w.Write(rec); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if _, err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(*size)/float64(i), "octets/row")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
