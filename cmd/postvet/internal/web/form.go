package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// The bounds of a form, in octets. That of the log-in is for everybody who reaches the
// listener: many at once must not take much memory.
const (
	maxForm      = 1 << 20
	maxLogInForm = 16 << 10
)

// tokenField is the name of the field of each form that has the token.
const tokenField = "token"

// forms keeps other sites from having a user's browser send a form.
type forms struct {
	// secret lasts as long as the process. The tokens are made of it, so that users
	// without a session have one too.
	secret [sha256.Size]byte
	origin *http.CrossOriginProtection
}

func newForms() forms {
	f := forms{origin: http.NewCrossOriginProtection()}
	_, _ = rand.Read(f.secret[:]) // it never fails
	return f
}

// token returns what each form of a user must have with it.
func (f *forms) token(u access.User) string {
	mac := hmac.New(sha256.New, f.secret[:])
	mac.Write([]byte(u.Name + "\x00" + u.Session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// check returns why a form is not carried out, nil if it is. It reads the form.
func (f *forms) check(w http.ResponseWriter, r *http.Request, token string) *problem {
	if p := f.read(w, r, maxForm); p != nil {
		return p
	}
	if !hmac.Equal([]byte(r.PostFormValue(tokenField)), []byte(token)) {
		return &problem{Status: http.StatusForbidden, Title: "This form is too old", Text: "Since the page was shown, you logged in anew, or the service was restarted. Nothing was changed: go back, load the page again, and send the form again."}
	}
	return nil
}

// read reads a form of up to a number of octets, unless another site sent it.
func (f *forms) read(w http.ResponseWriter, r *http.Request, most int64) *problem {
	if f.origin.Check(r) != nil {
		return &problem{Status: http.StatusForbidden, Title: "Another site sent this form", Text: "Nothing was changed. If you did send it from here, the proxy in front of Postvet must hand on the Host field as the browser sent it."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(most)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &problem{Status: http.StatusRequestEntityTooLarge, Title: "This form is too large", Text: fmt.Sprintf("This one may have up to %s.", octets(most))}
	case err != nil && !errors.Is(err, http.ErrNotMultipart):
		return &problem{Status: http.StatusBadRequest, Title: "This form cannot be read", Text: "Go back, load the page again, and send the form again."}
	}
	return nil
}
