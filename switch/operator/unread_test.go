package operator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchyard/switch/payment"
)

// TestUnread tells of the frames of an operation's issuer and time, and of no others.
func TestUnread(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 11, 26, 12, 0, second, 0, time.UTC) }
	frame := func(second int, link, why string) Stray {
		return Stray{
			Kind: malformed, Host: "visa", Link: link, At: at(second), Malformed: fmt.Sprint(100+second, bytesLong, why),
		}
	}
	silent := payment.Op{State: payment.StateUnknown, Host: "visa", At: at(10), DoneAt: at(20)}
	with := func(change func(*payment.Op)) payment.Op {
		op := silent
		change(&op)
		return op
	}
	others := []Stray{
		frame(9, "1", "before"), frame(21, "1", "behind"),
		{Kind: malformed, Host: "amex", Link: "1", At: at(15), Malformed: "7 bytes: of another issuer"},
		{Kind: "stray", Host: "visa", Link: "1", At: at(15)},
	}
	cut := frame(25, "1", "cut")
	cut.Since = at(5)
	later := cut
	later.Since = at(21)
	var flood []Stray
	for i := range 7 {
		flood = append(flood, frame(12, "1", fmt.Sprint("reason ", i)))
	}
	const one, answer = "1 frame from visa/1 could not be read, and may be the answer: ", "the answer may be among them: "
	for _, test := range []struct {
		name   string
		op     payment.Op
		strays []Stray
		want   []string
	}{
		{"others", silent, others, nil},
		{"one", silent, append(others, frame(12, "1", "format: bad")), []string{one + "format: bad"}},
		{"three", silent, []Stray{frame(12, "1", "bad"), frame(13, "2", "bad"), frame(14, "2", "bad")}, []string{
			"at least 3 frames from visa/1, visa/2, the last at 12:00:14.000, could not be read, and " + answer + "bad",
		}},
		{"cut", silent, []Stray{cut, later}, []string{
			"1 frame from visa/1, begun at some time from 12:00:05.000 on, could not be read, and may be the answer: cut",
		}},
		{"a flood", silent, flood, []string{
			one + "reason 0", one + "reason 1", one + "reason 2", one + "reason 3", one + "reason 4",
			"frames could not be read for other reasons, too: the log of strays has them",
		}},
		{"it waits", with(func(op *payment.Op) { op.State, op.DoneAt = payment.StateQueued, time.Time{} }),
			[]Stray{frame(50, "1", "bad")}, []string{one + "bad"}},
		{"approved", with(func(op *payment.Op) { op.State = payment.StateApproved }), []Stray{frame(12, "1", "bad")}, nil},
		{"not taken", with(func(op *payment.Op) { op.ResponseCode = "00" }), []Stray{frame(12, "1", "bad")}, nil},
	} {
		var told []string
		unreadEvents(&test.op, at(59), test.strays, func(when moment, kind, wire, format string, args ...any) {
			told = append(told, fmt.Sprintf(format, args...))
		})
		if !slices.Equal(told, test.want) {
			t.Errorf("%s: told %q\n want %q", test.name, told, test.want)
		}
	}
}
