package access

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// Account is a user who logs in on the page.
type Account struct {
	Name string
	// Hash is that of the password, by bcrypt.
	Hash []byte
	Role Role
}

const (
	maxName = 64
	// MaxPassword is how much of a password bcrypt uses, in octets.
	MaxPassword = 72
	// MinCost is the cost that a hash should have.
	MinCost = 10
	// MaxCost is the largest one that is allowed: each log-in takes more than a second of
	// CPU time.
	MaxCost = 14
)

// AccountRemedy says how an account is written.
const AccountRemedy = `write the line that "postvet web passwd NAME" prints`

// ParseAccount parses "name:hash:role". The problem is without the hash.
func ParseAccount(s string) (a Account, problem, remedy string) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return a, fmt.Sprintf("has %d parts between colons, not name, hash and role", len(parts)), AccountRemedy
	}
	a.Name = parts[0]
	if problem := NameProblem(a.Name); problem != "" {
		return a, problem, AccountRemedy
	}
	cost, err := bcrypt.Cost([]byte(parts[1]))
	a.Hash = []byte(parts[1])
	switch {
	case err != nil || len(a.Hash) != 60 || strings.Trim(parts[1][7:], hashChars) != "":
		return a, "has no hash by bcrypt, which begins with $2 and has 60 characters", AccountRemedy
	case cost > MaxCost:
		return a, fmt.Sprintf("has a hash of cost %d, with which each log-in takes seconds of CPU time from the mail", cost), fmt.Sprintf("hash the password with a cost of %d to %d; %s", MinCost, MaxCost, AccountRemedy)
	}
	if a.Role, err = ParseRole(parts[2]); err != nil {
		return a, err.Error(), `write the role "viewer", "support" or "admin" at the end`
	}
	return a, "", ""
}

// hashChars are those of the base64 of bcrypt.
const hashChars = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NameProblem returns why a user cannot have a name, "" if one can.
func NameProblem(name string) string {
	switch {
	case name == "":
		return "has no name"
	case len(name) > maxName:
		return fmt.Sprintf("has a name of more than %d octets", maxName)
	case strings.Contains(name, ":"):
		return "has a name with a colon"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return "has a name with a blank or a control character"
	}
	return ""
}

// ParseRole returns the role that a word names.
func ParseRole(s string) (Role, error) {
	for r := Viewer; r <= Admin; r++ {
		if s == r.String() {
			return r, nil
		}
	}
	return Nobody, fmt.Errorf("the role %.40q is not known", s)
}

// Hash returns the hash of a password, for a line that ParseAccount understands.
func Hash(password []byte) ([]byte, error) {
	return bcrypt.GenerateFromPassword(password, hashCost)
}

// hashCost takes a quarter of a second on a machine of 2026.
const hashCost = 12

// Cost returns the cost of an account's hash.
func (a Account) Cost() int {
	cost, _ := bcrypt.Cost(a.Hash)
	return cost
}

// noHash returns a hash that fits no password, of a cost. It is compared for users who do not
// exist, so that they take the same time.
func noHash(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, "C6UzMDM.H6dfI/f/IKcEeO"+strings.Repeat(".", 31))
}
