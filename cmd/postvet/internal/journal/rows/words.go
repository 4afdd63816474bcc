package rows

// words are texts that many rows have. Their order is part of the format: new ones come
// last. The first ones take one octet.
var words = []string{
	"pass", "none", "fail", "mailfrom", "helo", "rsa-sha256", "p", "r", "reject", "smtpd", "TLSv1.3", "quarantine",
	"unix:/run/postvet/postvet.sock", "/var/spool/postfix/postvet/postvet.sock", "inet:127.0.0.1:8890", "no PTR record", "s",
	"TLSv1.2", "softfail", "neutral", "permerror", "temperror", "no DMARC record", "accept", "default", "policy", "ed25519-sha256", "tempfail",
	"not-forwarded", "no recipient is one whose mail is sent on, and the client is none that hands on mail",
	"not-originating", "the client neither logged in nor came by a socket, daemon or network of our users",
	"all", "-all", "~all", "?all", "mx", "a", "author", "rsa-sha1", "redirect", "discard", "sp", "np",
	"no SPF result; no DKIM signature", "body hash does not match: the body was changed after signing",
	"signature does not match: a signed header field was changed",
	"trusted_forwarder", "mailing_list", "local_policy", "policy_test_mode", "other", "forwarded",
	"altered_by_list", "altered", "maybe_forwarded", "not_checked", "other_signer", "key_missing", "weak_signature", "expired",
	"partial_signature", "strict_alignment", "spf_broken", "unauthenticated", "exempt address", "exempt name", "authenticated",
	"local submission", "signed by us", "accepts", "dmarc-pass", "body_hash", "login", "network", "socket",
	"not-delivered", "the message is not delivered: reject", "the message is not delivered: tempfail", "already-signed", "no-key",
	"alike", "differs", "ours-alone", "theirs-alone", "neither",
}

// sentences are those that many rows have with other names in their gaps. The part in the
// middle is empty if there is one gap. Of several that fit, the first one counts. Their
// order is part of the format too.
var sentences = [...][3]string{
	{"", "", " publishes no SPF record"},
	{"SPF passed for ", " and a DKIM signature of ", " passed"},
	{"a DKIM signature of ", "", " passed"},
	{"SPF did not pass (fail for ", "", "); no DKIM signature"},
	{"SPF did not pass (fail for ", "", "); no DKIM signature passed"},
	{"SPF did not pass (softfail for ", "", "); no DKIM signature"},
	{"SPF did not pass (softfail for ", "", "); no DKIM signature passed"},
	{"SPF passed for ", ", which is not aligned with ", "; no DKIM signature"},
	{"SPF passed for ", ", which is not aligned with ", "; no DKIM signature passed"},
	{"SPF passed for ", "", ""},
}

// minSentence is the length of the shortest sentence.
const minSentence = len("SPF passed for ")

// wordsOf are the numbers of the words of each length.
var wordsOf = func() (of [96][]int) {
	for i, w := range words {
		of[len(w)] = append(of[len(w)], i)
	}
	return of
}()

// wordNumber returns the number of a word; false for another text.
func wordNumber(s string) (int, bool) {
	if len(s) < len(wordsOf) {
		for _, i := range wordsOf[len(s)] {
			if words[i] == s {
				return i, true
			}
		}
	}
	return 0, false
}
