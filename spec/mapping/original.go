package mapping

import (
	"bytes"
	"time"

	"switchyard/spec"
)

// DE90 of canonical messages names the original in 42 digits: MTI, STAN, DE7, DE32 and DE33 filled with zeros on the
// left. DE56 of 1993 does so by MTI, STAN, its DE12 (which is its DE7 with the year, see iso1993.go), and DE32 with a
// length of two digits.
const (
	originalDigits = 42
	shortDigits    = 20 // MTI, STAN, DE7
	acquirerEnd    = 31

	originalMost93  = 35
	originalLeast93 = 22 // MTI, STAN, DE12
)

// original93 makes DE56 of DE90.
func original93(msg *spec.Message, at time.Time) error {
	b := msg.Bytes(deOriginal)
	if b == nil {
		return nil
	}
	if len(b) != originalDigits || !digits(b) {
		return refuse(deOriginal, "MTI, STAN, DE7, DE32 and DE33 of the original in 42 digits")
	}
	var room [originalMost93]byte
	out := append(room[:0], '1')
	out = append(out, b[1:10]...)
	out = appendYear(out, at, b[10:14])
	out = append(out, b[10:20]...)
	acquirer := bytes.TrimLeft(b[shortDigits:acquirerEnd], "0")
	if len(acquirer) > 0 {
		out = append(out, '0'+byte(len(acquirer)/10), '0'+byte(len(acquirer)%10))
		out = append(out, acquirer...)
	}
	msg.Unset(deOriginal)
	msg.SetBytes(deOriginal93, out)
	return nil
}

// original87 makes DE90 of DE56.
func original87(msg *spec.Message) error {
	b := msg.Bytes(deOriginal93)
	if b == nil {
		return nil
	}
	want := refuse(deOriginal93, "MTI, STAN, DE12 and, behind its length, DE32 of the original")
	if len(b) < originalLeast93 || len(b) > originalMost93 || !digits(b) {
		return want
	}
	var room [originalDigits]byte
	for i := range room {
		room[i] = '0'
	}
	copy(room[1:10], b[1:10])
	copy(room[10:shortDigits], b[12:originalLeast93])
	if rest := b[originalLeast93:]; len(rest) > 0 {
		if len(rest) < 2 || two(rest) != len(rest)-2 {
			return want
		}
		copy(room[acquirerEnd-(len(rest)-2):acquirerEnd], rest[2:])
	}
	msg.Unset(deOriginal93)
	msg.SetBytes(deOriginal, room[:])
	return nil
}
