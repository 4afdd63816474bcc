// Package parquet writes days of the journal as Parquet files, for programs that analyse
// more than one machine or month. A file has the columns of the table message, which
// postvet-journal(5) explains, except for facts, and the time of each message.
package parquet

import (
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// message is a row of a file. Its names are those of the columns in [rows.Column]. A value
// that is not there is null.
type message struct {
	At          int64  `parquet:"at,timestamp(millisecond),delta"`
	Ref         int64  `parquet:"ref,delta"`
	Queue       string `parquet:"queue,optional"`
	MessageID   string `parquet:"message_id,optional"`
	MessageKey  int64  `parquet:"message_key,optional"`
	Client      string `parquet:"client,optional,dict"`
	Helo        string `parquet:"helo,optional,dict"`
	Relay       string `parquet:"relay,optional,dict"`
	MailFrom    string `parquet:"mail_from,optional,dict"`
	MailFromKey int64  `parquet:"mail_from_key,optional"`
	Rcpts       int64  `parquet:"rcpts"`
	Rcpt        string `parquet:"rcpt,optional,dict"`
	RcptKeys    []byte `parquet:"rcpt_keys,optional"`
	Author      string `parquet:"author,optional,dict"`
	Org         string `parquet:"org,optional,dict"`
	SPF         string `parquet:"spf,optional,dict"`
	DKIM        string `parquet:"dkim,optional,dict"`
	DMARC       string `parquet:"dmarc,optional,dict"`
	Policy      string `parquet:"policy,optional,dict"`
	ARC         string `parquet:"arc,optional,dict"`
	Signatures  string `parquet:"signatures,optional,dict"`
	Action      string `parquet:"action,optional,dict"`
	Would       string `parquet:"would,optional,dict"`
	Code        string `parquet:"code,optional,dict"`
	Rule        string `parquet:"rule,optional,dict"`
	Override    string `parquet:"override,optional,dict"`
	Hint        string `parquet:"hint,optional,dict"`
	Shadow      string `parquet:"shadow,optional,dict"`
	Size        int64  `parquet:"size"`
	Took        int64  `parquet:"took_us"`
	Generation  int64  `parquet:"generation"`
}

// set sets a message to the values of a record, which it does not share.
func (m *message) set(rec *rows.Record) {
	str := func(c rows.Column) string { return string(rec[c].Octets) }
	*m = message{
		At: result.Reference(rec[rows.ColRef].Int).Time().UnixMilli(), Ref: rec[rows.ColRef].Int,
		Queue: str(rows.ColQueue), MessageID: str(rows.ColMessageID), MessageKey: rec[rows.ColMessageKey].Int,
		Client: str(rows.ColClient), Helo: str(rows.ColHelo), Relay: str(rows.ColRelay),
		MailFrom: str(rows.ColMailFrom), MailFromKey: rec[rows.ColMailFromKey].Int,
		Rcpts: rec[rows.ColRcpts].Int, Rcpt: str(rows.ColRcpt), RcptKeys: append([]byte(nil), rec[rows.ColRcptKeys].Octets...),
		Author: str(rows.ColAuthor), Org: str(rows.ColOrg),
		SPF: str(rows.ColSPF), DKIM: str(rows.ColDKIM), DMARC: str(rows.ColDMARC), Policy: str(rows.ColPolicy), ARC: str(rows.ColARC), Signatures: str(rows.ColSignatures),
		Action: str(rows.ColAction), Would: str(rows.ColWould), Code: str(rows.ColCode), Rule: str(rows.ColRule),
		Override: str(rows.ColOverride), Hint: str(rows.ColHint), Shadow: str(rows.ColShadow),
		Size: rec[rows.ColSize].Int, Took: rec[rows.ColTook].Int, Generation: rec[rows.ColGeneration].Int,
	}
}

// The bounds of what is in memory: batchRows are given to the library at once, which writes
// groupRows at once.
const (
	batchRows = 256
	groupRows = 32 << 10
)

// Writer writes records as a Parquet file.
type Writer struct {
	w     *parquet.GenericWriter[message]
	batch []message
	rows  int64
}

// NewWriter returns a writer. version is that of Postvet.
func NewWriter(w io.Writer, version string) *Writer {
	return &Writer{
		w: parquet.NewGenericWriter[message](w,
			parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("postvet", version, "")),
		batch: make([]message, 0, batchRows),
	}
}

// Write writes a record.
func (w *Writer) Write(rec *rows.Record) error {
	w.batch = w.batch[:len(w.batch)+1]
	w.batch[len(w.batch)-1].set(rec)
	if len(w.batch) == cap(w.batch) {
		return w.flush()
	}
	return nil
}

func (w *Writer) flush() error {
	n, err := w.w.Write(w.batch)
	w.rows += int64(n)
	w.batch = w.batch[:0]
	return err
}

// Close ends the file, and returns the number of its rows.
func (w *Writer) Close() (int64, error) {
	if err := w.flush(); err != nil {
		return w.rows, err
	}
	return w.rows, w.w.Close()
}
