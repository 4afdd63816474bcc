package submission

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-sasl"
)

// Auth is a name and its password.
type Auth struct{ Name, password string }

// ErrAuth is the error of [ParseAuth].
var ErrAuth = errors.New("submission: the file for the login has one line, name:password")

// ParseAuth reads a name and a password from the contents of a file: one line, with a
// colon between them.
func ParseAuth(file []byte) (Auth, error) {
	line := strings.TrimRight(string(file), "\r\n")
	name, password, ok := strings.Cut(line, ":")
	if !ok || name == "" || password == "" || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x00") {
		return Auth{}, ErrAuth
	}
	return Auth{name, password}, nil
}

// String leaves the password out.
func (a Auth) String() string { return a.Name }

var errMechanism = errors.New("submission: the MTA offers neither AUTH PLAIN nor AUTH LOGIN")

// mechanism returns the first mechanism that the MTA supports.
func (a Auth) mechanism(supported func(string) bool) (sasl.Client, error) {
	switch {
	case supported(sasl.Plain):
		return sasl.NewPlainClient("", a.Name, a.password), nil
	case supported(sasl.Login):
		return sasl.NewLoginClient(a.Name, a.password), nil
	}
	return nil, errMechanism
}
