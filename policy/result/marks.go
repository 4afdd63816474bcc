package result

// Marks are what a header and an envelope show, beside [message.List], about the
// hands through which a message went. Everybody can write them: they make a
// hint, never a decision.
type Marks struct {
	// SubjectTag is the word in brackets that the Subject begins with, such as
	// "[staff]"; "" for none.
	SubjectTag string `json:"subject_tag"`
	// Forward is the field, or the kind of envelope, by which a forwarder shows;
	// "" for none.
	Forward string `json:"forward"`
	// Received counts the fields that the hops before us left.
	Received int `json:"received"`
}
