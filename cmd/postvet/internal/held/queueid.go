package held

// MTA is a mail transfer agent that can hold mail.
type MTA string

// The MTAs.
const (
	Postfix  MTA = "postfix"
	Sendmail MTA = "sendmail"
)

// ValidID reports whether a queue id may stand in a command: it has 6 to 32 ASCII letters
// and digits. So it is one word for a shell, no option, and not "ALL", by which
// postsuper(1) means the whole queue.
func ValidID(id string) bool {
	if len(id) < 6 || len(id) > 32 {
		return false
	}
	for i := range len(id) {
		if !isDigit(id[i]) && !isLetter(id[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// MTAOf returns the MTA that gave a message its queue id. Sendmail writes the time in 8
// characters and the process in at least 6 digits. Of Postfix's ids, the long ones have a
// "z" there, and the short ones are hexadecimal.
func MTAOf(id string) MTA {
	if len(id) < 14 {
		return Postfix
	}
	for i := 8; i < len(id); i++ {
		if !isDigit(id[i]) {
			return Postfix
		}
	}
	return Sendmail
}
