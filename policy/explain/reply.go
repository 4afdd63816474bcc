package explain

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// MaxReply bounds the text of a reply. The reply line must stay below 512 octets (RFC
// 5321 section 4.5.3.1.5) with its codes and the words that the MTA adds. A '%' is
// doubled on the way to the MTA and counts twice.
const MaxReply = 450

// OneLine returns a text as one line for an SMTP reply.
func OneLine(text string) string {
	return strings.TrimSpace(foreign.Line(text, MaxReply))
}

// replyText returns the text of a verdict for the client or the queue. A refusal also
// has advice, if it fits, and its reference and the administrator's help URL, for which the
// text is cut if necessary.
func replyText(template string, res *result.Results, v *result.Verdict) string {
	if v.Action != result.Reject && v.Action != result.TempFail {
		return v.Text
	}
	end := res.Reference.AddTo("")
	if url := helpURL(template, res, v); url != "" {
		end += "; see " + url
	}
	room := MaxReply - wireLength(end)
	text := v.Text
	if advice := adviceFor(res, v); advice != "" && wireLength(text)+wireLength(advice)+2 <= room {
		text += ". " + advice
	}
	if wireLength(text) > room {
		text = strings.ReplaceAll(foreign.Reply(text, room), "%%", "%")
	}
	return text + end
}

// wireLength returns the length of a text on its way to the MTA.
func wireLength(s string) int { return len(s) + strings.Count(s, "%") }
