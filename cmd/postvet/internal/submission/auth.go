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
var ErrAuth = errors.New("submission: the file for the login has two lines, the name and the password")

// ParseAuth reads a name and a password from the contents of a file: its first line, and
// its second.
func ParseAuth(file []byte) (Auth, error) {
	lines := strings.Split(strings.TrimRight(string(file), "\r\n"), "\n")
	if len(lines) != 2 || !utf8.Valid(file) || strings.ContainsRune(string(file), 0) {
		return Auth{}, ErrAuth
	}
	a := Auth{strings.TrimSuffix(lines[0], "\r"), strings.TrimSuffix(lines[1], "\r")}
	if a.Name == "" || a.password == "" {
		return Auth{}, ErrAuth
	}
	return a, nil
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
