package result

// HintWord names a likely cause of a failure, for logs and statistics.
type HintWord string

// The hints help a person to find the cause. They decide nothing, because a forger can
// cause all of them.
const (
	// HintList: the message was changed after the author's domain signed it, and it
	// has the marks of a mailing list.
	HintList HintWord = "altered_by_list"
	// HintAltered: the message was changed after the author's domain signed it.
	HintAltered HintWord = "altered"
	// HintForwarded: SPF fails, and the author's own signature is intact.
	HintForwarded HintWord = "forwarded"
	// HintMaybeForwarded: nothing authenticates the author's domain, and the message
	// has signs of a forwarder.
	HintMaybeForwarded HintWord = "maybe_forwarded"
	// HintNotChecked: a failure of the DNS or of our own network prevented the check.
	HintNotChecked HintWord = "not_checked"
	// HintOtherSigner: only another domain has an intact signature.
	HintOtherSigner HintWord = "other_signer"
	// HintKeyMissing: the key of the author's signature is not published, or no
	// longer.
	HintKeyMissing HintWord = "key_missing"
	// HintWeak: the author's domain signed with a key or an algorithm that is no
	// longer valid.
	HintWeak HintWord = "weak_signature"
	// HintExpired: the signature has expired.
	HintExpired HintWord = "expired"
	// HintPartial: the signature leaves a part of the body unsigned.
	HintPartial HintWord = "partial_signature"
	// HintStrict: an intact signature of the same organization is not aligned,
	// because the record demands the very same domain.
	HintStrict HintWord = "strict_alignment"
	// HintSPFBroken: the SPF record cannot be evaluated.
	HintSPFBroken HintWord = "spf_broken"
	// HintUnauthenticated: neither a signature nor SPF authenticates the author's
	// domain.
	HintUnauthenticated HintWord = "unauthenticated"
)

// Hint is a likely cause in words.
type Hint struct {
	Word HintWord `json:"word"`
	Text string   `json:"text"`
}
