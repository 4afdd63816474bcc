package explain

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// MaxReply keeps a reply line below 512 octets (RFC 5321 section 4.5.3.1.5)
// with code, enhanced code and what the MTA puts around it. On the way to the
// MTA each '%' becomes two and counts as such.
const MaxReply = 450

// OneLine returns a text as one line that is fit for an SMTP reply.
func OneLine(text string) string {
	return strings.TrimSpace(foreign.Line(text, MaxReply))
}

// phrase returns the text of a verdict as the client or the queue shows it. A
// refusal also says who must do what, if there is room, and ends in the
// administrator's help URL, for which there is always room.
func phrase(template string, res *result.Results, v *result.Verdict) string {
	if v.Action != result.Reject && v.Action != result.TempFail {
		return v.Text
	}
	room, end := MaxReply, ""
	if url := helpURL(template, res, v); url != "" {
		end = "; see " + url
		room -= wireLength(end)
	}
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
