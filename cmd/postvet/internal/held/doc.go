// Package held lists the mail that Postvet had the MTA hold, with the reasons, and the
// commands that release or delete it. It runs none of these commands. The journal knows
// what was held; only the MTA knows what still is.
package held
