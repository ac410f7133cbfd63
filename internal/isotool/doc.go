// Package isotool is what `switchctl iso` does with ISO 8583 messages: it reads them out of whatever bytes there are of
// them, builds, compares and converts them, asks a host, and finds out how a host is to be spoken to.
//
//	file ──capture──▶ streams ──framing──▶ frames ──spec──▶ fields
//	        form          └─ found by guess where nobody says them ─┘
//
// What it shows of a message is masked as spec.Describe masks: with ClearPAN card numbers are shown; tracks, CVCs and
// PINs never are.
//
// Files: find.go (form, framing and dialect of bytes), decode.go, print.go; draft.go (messages that people write),
// encode.go (bytes as people want them), diff.go, convert.go; expect.go and talk.go (a conversation with a host),
// probe.go (which framing and dialect a host answers).
package isotool
