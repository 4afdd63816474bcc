package result

// ForwardSRS is the word of Marks.Forward for a sender that the Sender Rewriting Scheme
// rewrote.
const ForwardSRS = "SRS"

// Marks are signs of forwarders in the header and the envelope, in addition to those of
// [message.List]. Anybody can write them, so they lead to hints and never to decisions.
type Marks struct {
	// SubjectTag is the word in brackets that the Subject begins with, such as
	// "[staff]"; "" for none.
	SubjectTag string `json:"subject_tag"`
	// Forward is the field, or the kind of envelope, that shows a forwarder; "" for
	// none.
	Forward string `json:"forward"`
	// Received is the number of Received fields, which the hops before us wrote.
	Received int `json:"received"`
}
