package result

// HintWord names a likely cause of a failure, for logs and statistics.
type HintWord string

// The hints help a person to look in the right place. They decide nothing, as a
// forger can stage all of them.
const (
	// HintList: the author's domain signed the message, which was changed and bears
	// the marks of a list.
	HintList HintWord = "altered_by_list"
	// HintAltered: the author's domain signed the message, and somebody changed it.
	HintAltered HintWord = "altered"
	// HintForwarded: SPF fails, and the author's own signature is intact.
	HintForwarded HintWord = "forwarded"
	// HintMaybeForwarded: nothing speaks for the author's domain any more, and
	// somebody forwarded the message.
	HintMaybeForwarded HintWord = "maybe_forwarded"
	// HintNotChecked: only a failure of the DNS or of our own network stands in the
	// way.
	HintNotChecked HintWord = "not_checked"
	// HintOtherSigner: there is an intact signature, of another domain.
	HintOtherSigner HintWord = "other_signer"
	// HintKeyMissing: the author's domain signed with a key that it does not publish,
	// or no longer.
	HintKeyMissing HintWord = "key_missing"
	// HintWeak: the author's domain signed with a key or algorithm that does
	// not count.
	HintWeak HintWord = "weak_signature"
	// HintExpired: the signature has expired.
	HintExpired HintWord = "expired"
	// HintPartial: the signature leaves a part of the body unsigned.
	HintPartial HintWord = "partial_signature"
	// HintStrict: an intact signature of the same organization is not enough, since
	// the record demands the very same domain.
	HintStrict HintWord = "strict_alignment"
	// HintSPFBroken: the SPF record cannot be evaluated.
	HintSPFBroken HintWord = "spf_broken"
	// HintUnauthenticated: there is no signature, and SPF does not speak for
	// the author's domain.
	HintUnauthenticated HintWord = "unauthenticated"
)

// Hint is a likely cause in words.
type Hint struct {
	Word HintWord `json:"word"`
	Text string   `json:"text"`
}
