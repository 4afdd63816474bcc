package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

// TestReportServer: no password is used that others may read.
func TestReportServer(t *testing.T) {
	t.Parallel()
	login := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(login, []byte("name\npassword\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{}
	c.Report.SMTP, c.Report.AuthFile = (&submissiontest.Server{Users: map[string]string{"name": "password"}}).Start(t), login
	for _, tt := range []struct {
		mode os.FileMode
		want submission.Result
	}{{0o600, submission.Accepted}, {0o644, submission.Temporary}} {
		if err := os.Chmod(login, tt.mode); err != nil {
			t.Fatal(err)
		}
		client, err := ReportServer(c, submission.Options{Hello: "mx.example.org"})
		if err != nil {
			t.Fatal(err)
		}
		a := client.Probe(t.Context(), "a@example.org", "b@example.org")
		if a.Result != tt.want || a.Result == submission.Temporary && (a.Stage != submission.Login || !strings.Contains(a.Text, login)) {
			t.Errorf("mode %o: %+v", tt.mode, a)
		}
	}
}
