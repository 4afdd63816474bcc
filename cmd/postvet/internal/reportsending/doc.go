// Package reportsending turns counted messages into reports, and sends them (RFC 9990).
//
// A day of UTC is closed some minutes after its end, when every node has written what it
// counted. Each policy of which enough is known becomes a report, whose document never
// changes from then on ([Sender] freezes it), with one delivery for each address.
// Deliveries have a stable place in the window for sending, and a pace.
//
// A delivery looks at the world as it is when its time has come: whether the domain still
// asks for reports and where, whether the host of the address consents, whether the
// address is suppressed. A DNS failure means later, never no. The message that is handed to
// the MTA is kept before, and has the same octets at each attempt. Only if the MTA refuses it
// for good, so that nobody has it, is it written anew, with the settings of that time.
//
// The MTA's answer, and a bounce that comes back later, decide what becomes of the
// delivery, and whether the address gets more reports.
//
// A process that is killed loses nothing: it claims a delivery before it submits it, and the
// delivery is due again when the claim ends. With SMTP it may be sent twice then; it is the
// same report with the same name (RFC 9990 section 3.5.4).
package reportsending
