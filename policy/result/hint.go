package result

// HintWord names a likely story behind a failure, for logs and statistics.
type HintWord string

// The hints. All of them can be staged by a forger; they help a person to look
// in the right place, and decide nothing.
const (
	// HintList: signed by the author's domain, changed, and marked by a list.
	HintList HintWord = "altered_by_list"
	// HintAltered: signed by the author's domain and changed, by whom is unknown.
	HintAltered HintWord = "altered"
	// HintForwarded: SPF fails, and the author's own signature is intact.
	HintForwarded HintWord = "forwarded"
	// HintMaybeForwarded: nothing is left of the author's domain, but somebody
	// sent the message on.
	HintMaybeForwarded HintWord = "maybe_forwarded"
	// HintNotChecked: trouble on our side or with the DNS, and nothing else,
	// stands in the way.
	HintNotChecked HintWord = "not_checked"
	// HintOtherSigner: there is an intact signature, of another domain.
	HintOtherSigner HintWord = "other_signer"
	// HintKeyMissing: the author's domain signed with a key that it does not
	// publish (any more).
	HintKeyMissing HintWord = "key_missing"
	// HintWeak: the author's domain signed with a key or algorithm that does
	// not count.
	HintWeak HintWord = "weak_signature"
	// HintExpired: the signature's time is over.
	HintExpired HintWord = "expired"
	// HintPartial: the signature leaves a part of the body unsigned.
	HintPartial HintWord = "partial_signature"
	// HintStrict: an intact signature of the same organization is not enough, as
	// the record demands the very same domain.
	HintStrict HintWord = "strict_alignment"
	// HintSPFBroken: the SPF record cannot be evaluated.
	HintSPFBroken HintWord = "spf_broken"
	// HintUnauthenticated: there is no signature, and SPF does not speak for
	// the author's domain.
	HintUnauthenticated HintWord = "unauthenticated"
)

// Hint is a likely story in words.
type Hint struct {
	Word HintWord `json:"word"`
	Text string   `json:"text"`
}
